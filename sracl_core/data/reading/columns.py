"""Which column of somebody's table holds what."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path

from sracl_core.data.reading.base import cut
from sracl_core.errors import DataError, nearest

# In order of preference: the first that a table has is taken.
USUAL = {
    "user": "user_id user userid uid reviewer_id reviewer customer_id customer visitor_id visitor account_id "
    "member_id member household_id household client_id cust_id buyer_id shopper_id profile_id "
    "user_pseudo_id distinct_id id_visitor",
    "item": "item_id item itemid iid parent_asin asin product_id product sku movie_id business_id "
    "article_id book_id track_id song_id video_id news_id content_id stock_code product_sku item_sku",
    "time": "timestamp time ts unix_review_time datetime date_time transaction_timestamp event_time "
    "event_timestamp created_at date eventdate event_date sort_timestamp t_dat",
    "rating": "rating ratings stars overall score event_strength",
    "title": "title name item_name product_name prod_name product_title movie_title item_title",
    "event": "event event_type action action_type behavior behavior_type behaviour behaviour_type "
    "interaction_type event_name",
    "session": "session_id session visit_id",
    "day": "date day event_date eventdate order_date purchase_date transaction_date invoice_date t_dat",
}
# Names that end so are taken where no usual one is there and only one column has such a name.
MOST_SHOWN, NEAR = 12, 0.75
"""So alike a misspelled name is (userr_id), and another such as course_id is not."""
KEYED = "id|no|nr|num|number|nummer|key|code|hash|uid|uuid|unique_?id|identifier"
ENTITIES = {
    "user": "user|customer|cust|visitor|member|household|client|buyer|shopper|account|consumer|subscriber|"
    "reviewer|viewer|listener|reader|player|profile|device|student|learner|patron|patient|person|"
    "fan|card",
    "item": "item|product|prod|article|movie|film|book|track|song|video|news|content|sku|business|course|"
    "game|recipe|poi|venue|restaurant|hotel|listing|offer|material|stock|anime|podcast|episode|joke|ean|upc|isbn|"
    "gtin|page|app|artist|show|document|exercise|question",
}
MORE = {"user": "e?mail|login|username", "item": "sku|ur[il]"}
# The same in languages whose logs are met, without accents; a plural or a key may follow.
OTHER_LANGUAGES = {
    "user": "kunden?|benutzer|nutzer|cliente|usuario|utilisateur|acheteur|utente|klant|gebruiker|klient|kund|"
    "kullanici|musteri|пользователь|клиент|покупатель|用户|客户|會員|会员|ユーザー|顧客|사용자|고객",
    "item": "artikel|produkt|ware|film|buch|articulo|producto|pelicula|libro|article|produit|livre|articolo|"
    "prodotto|produto|artigo|towar|urun|товар|продукт|артикул|商品|物品|产品|アイテム|상품",
    "time": "datum|zeit|zeitpunkt|zeitstempel|fecha|fecha_hora|horodatage|data_hora|data_ora|"
    "tijd|tijdstip|tarih|zaman|дата|время|时间|日期|時間|日時|시간|날짜",
}
PATTERNS = {
    role: re.compile(rf"(?:id_)?(?:{words}|{OTHER_LANGUAGES[role]})[sen]*(?:_?(?:{KEYED}|{MORE[role]}))?")
    for role, words in ENTITIES.items()
} | {
    "session": re.compile(rf"(?:.*_)?(?:session|visit)(?:_?(?:{KEYED}))?"),
    "time": re.compile(
        r"(?:.*_)?(?:timestamp|datetime|time|date|ts|at)|.*(?:timestamp|datetime)|unix_?time|created_utc|"
        r"date_(?:add|added|created)|(?:" + OTHER_LANGUAGES["time"] + ")"
    ),
}
NO_EVENT_TIME = re.compile(r"birth|born|expir|release|publish|updat|modif|end_|deliver|join|regist|signup")


@lru_cache(maxsize=4096)  # asked of the same names for each of many files
def normalized(name: str) -> str:
    """Letters and digits in lower case, without a type after a colon: "reviewerID" ~ "reviewer_id".

    >>> normalized("User_ID:token")
    'userid'
    """
    return re.sub(r"[\W_]", "", name.split(":")[0].lower())


@lru_cache(maxsize=4096)
def words(name: str) -> str:
    """Words in lower case with "_" between: "transactionTimestamp" ~ "transaction_timestamp".

    >>> words("customerKey"), words("Order Date"), words("HOUSEHOLD-ID")
    ('customer_key', 'order_date', 'household_id')
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.split(":")[0])
    apart = "".join(mark for mark in unicodedata.normalize("NFKD", apart) if not unicodedata.combining(mark))
    return re.sub(r"[\W_]+", "_", apart.lower()).strip("_")


def find_column(role: str, given: tuple[str, ...] | None, columns: list[str], path: Path) -> str:
    """The column for a role: the first given name that the table has, else a usual name.

    Raises DataError that names the nearest column and the flag to give.
    """
    shown = [column[:40] for column in columns]
    flag = "--text-cols" if role == "text" else f"--{role}-col"
    if given is not None:
        for name in given:
            if name in columns:
                return name
        raise DataError(f"{path} has no column '{given[0]}'{nearest(given[0], shown)}; correct {flag}")
    found = guess(role, columns)
    several = candidates(role, columns) if found is None else alike(found, columns)
    if found is not None and len(several) == 1:
        return found
    if several:
        said = "', '".join(map(cut, several[:4]))
        raise DataError(f"{path} has no plain {role} column: it could be '{said}'; name it with {flag}")
    usual = USUAL[role].split()[0]
    others = [other for other in ("item", "time") if role == "user" and guess(other, columns) is None]
    flags = ", ".join([flag, *(f"--{other}-col" for other in others)])
    what = " nor ".join([f"no {role} column such as '{usual}'", *(f"one of {other}s" for other in others)])
    said = nearest(usual, shown, cutoff=NEAR) if not others else ""
    said = said or f"; there is {', '.join(shown[:MOST_SHOWN])}" + (
        ", ..." if len(shown) > MOST_SHOWN else ""
    )
    raise DataError(f"{path} has {what}{said}; name {'them' if others else 'it'} with {flags}")


def guess(role: str, columns: list[str]) -> str | None:
    """The first column with a usual name for the role, in any case and punctuation; or None."""
    found = guessed(role, columns)
    return None if found is None else found[0]


def guessed(role: str, columns: list[str]) -> tuple[str, str] | None:
    """The column that `guess` takes and why, in words for people; or None."""
    by_name = {normalized(column): column for column in reversed(columns)}
    for usual in USUAL[role].split():
        if normalized(usual) in by_name:
            return by_name[normalized(usual)], "its name is a usual one"
    several = candidates(role, columns)
    if len(several) == 1:
        return several[0], f"the only column that is named like {role}s"
    if role == "user" and not several and (session := guessed("session", columns)) is not None:
        return session[0], "no column of users; each session counts as one"
    return None


def alike(name: str, columns: list[str]) -> list[str]:
    """The columns that are called `name`, but for case and punctuation: which is meant nobody can tell."""
    return [column for column in columns if normalized(column) == normalized(name)]


def candidates(role: str, columns: list[str]) -> list[str]:
    """The columns whose names say that they may have the role, without being a usual one."""
    pattern = PATTERNS.get(role)
    if pattern is None:
        return []
    found = [column for column in columns if pattern.fullmatch(words(column))]
    return [column for column in found if role != "time" or not NO_EVENT_TIME.search(words(column))]


def refuse_shared(roles: dict[str, str], path: Path) -> None:
    """Raises DataError where one column is taken for two roles."""
    seen: dict[str, str] = {}
    for role, column in roles.items():
        if column in seen:
            raise DataError(
                f"{path}: column '{cut(column)}' is taken for the {seen[column]} and for the {role}; name "
                f"another with --{role}-col"
            )
        seen[column] = role
