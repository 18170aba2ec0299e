"""Counts as one says them."""

from __future__ import annotations


def counted(many: int, one: str, more: str = "") -> str:
    """`many` of what is called `one`, and `more` where they are several; `one` with an s where `more` is "".

    >>> counted(1, "purchase"), counted(1200, "purchase")
    ('1 purchase', '1,200 purchases')
    >>> counted(1, "person was", "people were")
    '1 person was'
    """
    return f"{many:,} {one if many == 1 else more or one + 's'}"
