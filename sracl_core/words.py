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


def to_encode(missing: int, texts: int) -> str:
    """How many texts are still to be encoded, of those that are read.

    >>> to_encode(0, 8064), to_encode(3, 8064), to_encode(0, 0)
    ('none: 8,064 are cached', '3 of 8,064; the others are cached', 'none: nothing reads any')
    """
    if not texts:
        return "none: nothing reads any"
    if not missing:
        return f"none: {texts:,} are cached"
    return f"{missing:,}" if missing == texts else f"{missing:,} of {texts:,}; the others are cached"
