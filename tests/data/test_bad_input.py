"""Bad raw files: one clear line that says what, where and what to do; exit 2; nothing written."""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import zstandard

from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.data.reading import packed
from sracl_core.data.reading.base import ReadOptions
from sracl_core.errors import DataError, InputError
from sracl_core.files import make_folder

HEADER = "user_id,item_id,timestamp\n"
ROWS = "".join(f"u{u},i{i},{u + i}\n" for u in range(6) for i in range(6))
GOOD = HEADER + ROWS

CASES: dict[str, tuple[str | bytes, str]] = {
    "misnamed column": (
        GOOD.replace("user_id", "userr_di"),
        r"no user column such as 'user_id'; did you mean 'userr_di'\?",
    ),
    "missing column": (
        "user_id,item_id\na,b\n",
        "no time column such as 'timestamp'; there is user_id, item_id; name it with time_col",
    ),
    "column twice": ("user_id,item_id,item_id,timestamp\n", "line 1 names the column 'item_id' twice"),
    "empty file": ("", "is empty"),
    "only a header": (HEADER, "no rows"),
    "not UTF-8": (GOOD.encode() + b"u\xff,x,1\n", "line 38 is not UTF-8"),
    "time no number": (GOOD + "u1,i1,yesterday\n", "line 38: timestamp 'yesterday' is not a number"),
    "time is a date": (GOOD + "u1,i1,2020-01-01\n", "line 38: timestamp '2020-01-01' is not a number"),
    "time missing": (GOOD + "u1,i1,\n", "line 38: the timestamp is missing"),
    "time infinite": (GOOD + "u1,i1,inf\n", "line 38: timestamp 'inf' is not a number"),
    "user id empty": (GOOD + ",i1,5\n", "line 38: the user id is empty or NaN"),
    "item id NaN": (GOOD + "u1,NaN,5\n", "line 38: the item id is empty or NaN"),
    "item id blank": (GOOD + "u1,  ,5\n", "line 38: the item id is empty or NaN"),
    "row of nothing": (GOOD + ",,\n" + ROWS, "line 38: the user id is empty"),
    "after a blank line": (GOOD + "\nu1,,5\n", "line 39: the item id is empty"),
    "too many fields": (GOOD + "u1,i1,5,6\n", "line 38 has 4 fields, the header names 3"),
    "open quote": (HEADER + '"a,b,1\n', "line 2 is not CSV"),
    "nothing after k-core": (
        HEADER + "a,b,1\na,c,2\na,d,3\n",
        "nothing is left after '5-core' .*lower k_core",
    ),
}


@pytest.mark.parametrize(("content", "message"), CASES.values(), ids=CASES.keys())
def test_bad_interactions(tmp_path: Path, content: str | bytes, message: str) -> None:
    log = tmp_path / "log.csv"
    log.write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(log, tmp_path, message)


def refused(source: Path | list[Path], tmp_path: Path, message: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match=message) as caught:
        prepare(source, tmp_path / "data" / "out")
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_cut_gzip(tmp_path: Path) -> None:
    log = tmp_path / "log.csv.gz"
    log.write_bytes(gzip.compress(GOOD.encode())[:-12])
    refused(log, tmp_path, "cut or damaged")
    log.write_bytes(b"\x1e" + gzip.compress(GOOD.encode())[1:])
    refused(log, tmp_path, "cut or damaged")
    log.write_bytes(GOOD.encode())  # a browser unpacked it and left it its name
    assert prepare(log, tmp_path / "out")["counts"]["interactions"] == 36


def test_cut_zstd(tmp_path: Path) -> None:
    import zstandard

    log = tmp_path / "log.csv.zst"
    whole = zstandard.compress(GOOD.encode())
    log.write_bytes(whole[:-3])
    refused(log, tmp_path, "cut or damaged")
    log.write_bytes(whole)
    assert prepare(log, tmp_path / "out")["counts"]["interactions"] == 36


PACKERS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


def bomb(ending: str, head: str, line: str) -> bytes:
    """Some 50 MB of one line, of which every packer makes less than a two hundredth."""
    return PACKERS[ending](head.encode()) + 50 * PACKERS[ending](line.encode() * (1_000_000 // len(line)))


@pytest.mark.parametrize("ending", PACKERS)
def test_a_file_that_unpacks_to_hundreds_of_times_its_size(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"log.csv{ending}").write_bytes(bomb(ending, HEADER, "u1,i1,1\n"))
    with pytest.raises(DataError, match=r"log\.csv\.\w+ unpacks to over [0-9,]+ bytes, 200 times its size"):
        prepare(tmp_path / f"log.csv{ending}", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "ml").mkdir()
    (tmp_path / "ml" / "ratings.dat").write_text("".join(f"1::{item}::5::{item}\n" for item in range(9)))
    (tmp_path / "ml" / f"movies.dat{ending}").write_bytes(bomb(ending, "", "1::Film::Drama\n"))
    with pytest.raises(DataError, match="200 times its size"):
        prepare(tmp_path / "ml", tmp_path / "out")


def test_zstd_is_read_in_pieces_however_much_they_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "LEAST_LIMIT", 1 << 40)
    (tmp_path / "x.zst").write_bytes(zstandard.ZstdCompressor().compress(bytes(200_000_000)))
    with packed.decompressed(tmp_path / "x.zst") as file:
        assert len(file.read(1 << 20)) <= 1 << 26


def test_cut_parquet(tmp_path: Path) -> None:
    log = tmp_path / "log.parquet"
    log.write_bytes(b"PAR1 and no more")
    refused(log, tmp_path, "cannot be read")


def test_parquet_with_nan_ids(tmp_path: Path) -> None:
    log = tmp_path / "log.parquet"
    pl.DataFrame({"user_id": [1.0, float("nan")], "item_id": [1, 2], "timestamp": [1, 2]}).write_parquet(log)
    refused(log, tmp_path, "row 2: the user id is empty or NaN")


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ("item_id,title\ni1,a\ni2,b\ni1,c\n", r"line 4: item id 'i1' is there already \(line 2\)"),
        ("item_id,title\n,a\n", "line 2: the item id is empty"),
        ("itm,title\ni1,a\n", "no item column such as 'item_id'"),
        ("", "is empty"),
    ],
)
def test_bad_item_table(tmp_path: Path, items: str, message: str) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "interactions.csv").write_text(GOOD)
    (raw / "items.csv").write_text(items)
    refused(raw, tmp_path, message)


def test_missing_sources(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", tmp_path, "is not there")
    refused(Path(os.devnull), tmp_path, "/dev/null is a pipe or a device, and files are read more than once")
    refused(tmp_path, tmp_path, r"no data of a known form; needed: interactions\.csv")


def test_an_address_is_not_taken_for_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"s3://bucket/mine is an address, and this is written on this"):
        make_folder(Path("s3://bucket/mine"))
    assert not list(tmp_path.iterdir())


def test_options_out_of_range() -> None:
    for bad in ({"k_core": 0}, {"max_length": 2}, {"sample_users": 0}):
        with pytest.raises(DataError, match="is less than"):
            PrepareOptions(**bad)
    with pytest.raises(DataError, match="k_core 'five' is no number"):
        PrepareOptions(k_core="five")  # type: ignore[arg-type]
    for name, value in (("since", "nan"), ("until", math.inf), ("min_rating", math.nan)):
        with pytest.raises(DataError, match=f"{name} (nan|inf) is no"):
            PrepareOptions(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(DataError, match="seed -1 is below 0; give 0 or more"):
        PrepareOptions(seed=-1)
    with pytest.raises(DataError, match="since 'spring' is neither a number nor a date"):
        PrepareOptions(since="spring")


def test_options_are_taken_as_a_person_in_python_writes_them(tmp_path: Path) -> None:
    options = PrepareOptions(since="2019-01-01", until=2e9)
    assert (options.since, options.until) == (1546300800.0, 2e9)
    read = ReadOptions(item_col="sku", text_cols="brand", events="purchase", valid="v.csv", test=["t.csv"])  # type: ignore[arg-type]
    assert (read.item_col, read.text_cols, read.events) == (("sku",), ("brand",), ("purchase",))
    assert (read.valid, read.test) == ((Path("v.csv"),), (Path("t.csv"),))
    log = tmp_path / "log.csv"
    log.write_text(GOOD)
    expected = prepare(log, tmp_path / "out")["identity"]
    assert prepare(str(log), str(tmp_path / "other"))["identity"] == expected
    assert prepare((str(log),), tmp_path / "another")["identity"] == expected


def test_odd_but_good_files(tmp_path: Path) -> None:
    plain = tmp_path / "plain.csv"
    plain.write_text(GOOD)
    expected = prepare(plain, tmp_path / "out")["identity"]
    bom = b"\xef\xbb\xbf"
    variants = {
        "bom_crlf.csv": bom + GOOD.replace("\n", "\r\n").encode(),
        "capitals.csv": GOOD.replace(HEADER, "USER_ID,ItemID,TimeStamp\n").encode(),
        "blank_lines.csv": GOOD.replace(HEADER, HEADER + "\n").encode() + b"\n\n",
        "semicolon.csv": GOOD.replace(",", ";").encode(),
        "log.tsv": GOOD.replace(",", "\t").encode(),
        "quoted.csv": HEADER.encode()
        + b"\n".join(b'"%s","%s",%s' % tuple(r.encode().split(b",")) for r in ROWS.split()),
        "float.csv": GOOD.replace("\n", ".0\n").replace("timestamp.0", "timestamp").encode(),
        "log.csv.gz": gzip.compress(GOOD.encode()),
        "log.jsonl": pl.read_csv(plain).write_ndjson().encode(),
    }
    for name, content in variants.items():
        (tmp_path / name).write_bytes(content)
        assert prepare(tmp_path / name, tmp_path / "out")["identity"] == expected, name


def test_dates_when_asked_for(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text(HEADER + "a,x,2020-01-01\na,y,2020-01-02\na,z,1970-01-01\n")
    reading = ReadOptions(time_format="auto")
    manifest = prepare(log, tmp_path / "out", PrepareOptions(k_core=1, read=reading))
    times = pl.read_parquet(tmp_path / "out" / "interactions.parquet")["timestamp"].to_list()
    assert times == [0, 1577836800, 1577923200]
    assert manifest["filters"]["time_format"] == "auto"


def test_the_command_says_one_line_and_exits_2(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text(GOOD + "u1,i1,later\n")
    command = [
        sys.executable,
        "-m",
        "sracl_core.cli.main",
        "data",
        "prepare",
        str(log),
        "--out",
        str(tmp_path / "o"),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.strip().splitlines()[-1].startswith(f"error: {log} line 38: timestamp 'later'")
    assert not (tmp_path / "o").exists()
