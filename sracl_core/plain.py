"""Text from elsewhere, made harmless before anyone reads it.

Titles, names, ids and messages come from files, other people's runs and the network. A terminal
obeys control characters: ESC recolors it, moves its cursor, sets its clipboard; a newline tears a
table's row; bidirectional overrides make a line read otherwise than it is. Each such character
becomes one that can be seen, one for one, so that widths and positions in the text stay.
"""

from __future__ import annotations

import re

_PICTURES = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
"""C0 and DEL: ESC becomes ␛, newline ␊, tab ␉."""

_OBEYED = (
    *range(0x80, 0xA0),  # C1, among them the one-byte forms of ESC [ and ESC ]
    0x061C,
    *(0x200E, 0x200F, 0x2028, 0x2029),
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),  # line separators, directional marks, embeddings, overrides, isolates
    *range(0xD800, 0xE000),  # halves of pairs that no encoding can write
)
_MARKS = _PICTURES | dict.fromkeys(_OBEYED, 0xFFFD)
_LINE_MARKS = {code: mark for code, mark in _MARKS.items() if chr(code) not in "\n\t"}


def _any_of(codes: dict[int, int]) -> re.Pattern[str]:
    """In spans: with each sign by itself this was a fifteenth of what a tab in the shell takes."""
    first = [code for code in codes if code - 1 not in codes]
    last = [code for code in codes if code + 1 not in codes]
    spans = (f"\\u{start:04x}-\\u{end:04x}" for start, end in zip(sorted(first), sorted(last), strict=True))
    return re.compile(f"[{''.join(spans)}]")


_FOREIGN, _FOREIGN_LINES = _any_of(_MARKS), _any_of(_LINE_MARKS)
_JOINER, _NO_JOINER = "\u200d", "\u200c"
_PICTURED = "\u2190-\u21ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
_JOINS_NONE = re.compile(f"(?<![{_PICTURED}\ufe0f]){_JOINER}|{_JOINER}(?![{_PICTURED}])")
"""A joiner beside anything but pictures: tables count what it joins as one, and no terminal draws it so."""


def plain(text: str) -> str:
    """`text` as one line that no terminal obeys, as long as it was.

    >>> plain("a\\x1b[31mred\\tb\\n")
    'a␛[31mred␉b␊'
    """
    return _parted(text.translate(_MARKS) if _FOREIGN.search(text) else text)


def plain_lines(text: str) -> str:
    """`plain`, but newlines and tabs stay: for what is printed as it stands.

    >>> plain_lines("one\\n\\x9btwo")
    'one\\n�two'
    """
    return _parted(text.translate(_LINE_MARKS) if _FOREIGN_LINES.search(text) else text)


def _parted(text: str) -> str:
    return _JOINS_NONE.sub(_NO_JOINER, text) if _JOINER in text else text


def plain_json(text: str) -> str:
    """JSON with every character escaped that a terminal obeys: other programs read the same values.

    >>> plain_json('["\\x9b", "é"]')
    '["\\\\u009b", "é"]'
    """
    return _FOREIGN_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
