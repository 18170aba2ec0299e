"""The signs of the dashboard, each beside a word, and what becomes of them on an ASCII terminal."""

from __future__ import annotations

import locale
import os

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

RUN_GLYPHS = {
    "running": ("▶", "$primary"),
    "finished": ("✓", "$success"),
    "stopped": ("■", "$warning"),
    "failed": ("✗", "$error"),
    "crashed": ("!", "$error"),
    "damaged": ("✗", "$error"),
    "unknown": ("?", "$muted"),
}
"""Sign and color of each state of a run; the word always stands beside them."""

_ASCII = str.maketrans(
    {
        "─": "-", "━": "=", "═": "=", "╌": "-", "│": "|", "┃": "|", "║": "|", "╎": "|", "╸": "=", "╺": "-",
        "▶": ">", "▸": ">", "▹": ">", "›": ">", "→": ">", "▾": "v", "▼": "v", "▲": "^", "◀": "<",
        "✓": "+", "✗": "x", "■": "#", "□": ".", "●": "*", "○": "o", "◆": "*", "◇": "o", "★": "*",
        "☆": "*", "·": ".", "•": "*", "…": "~", "×": "x", "≈": "~", "−": "-", "–": "-", "—": "-",
        "█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "#", "▍": ":", "▎": ":", "▏": ".", "▐": "#",
        "▁": "_", "▂": "_", "▃": "-", "▄": "-", "▅": "=", "▆": "=", "▇": "#", "▀": "#",
        "░": ".", "▒": ":", "▓": "#", "↑": "^", "↓": "v", "←": "<", "⏎": "<", "⌫": "<", "⭘": "o",
        "\u00a0": " ", "▔": "-", "▕": "|", "⎵": "_", "α": "a", "β": "b",
    }
)  # fmt: skip


def to_ascii(text: str) -> str:
    """`text` in ASCII, one column for one column.

    >>> to_ascii("╭─ ✓ 0.93 ━╸⣿")
    '+- + 0.93 ==*'
    """
    if text.isascii():
        return text
    return "".join(_ascii_of(character) for character in text.translate(_ASCII))


def _ascii_of(character: str) -> str:
    code = ord(character)
    if code < 128:
        return character
    if 0x2500 <= code <= 0x257F:
        return "+"
    if 0x2800 <= code <= 0x28FF:
        return " .:*"[min(3, (bin(code - 0x2800).count("1") + 1) // 2)]
    from rich.cells import get_character_cell_size

    return "?" * get_character_cell_size(character)


def ascii_only() -> bool:
    """Whether the terminal cannot show more than ASCII: SRACL_ASCII=1, or a locale without UTF-8."""
    wanted = os.environ.get("SRACL_ASCII", "")
    if wanted:
        return wanted != "0"
    return locale.getpreferredencoding(False).lower().replace("-", "") not in ("utf8", "utf8sig")


class AsciiFilter(LineFilter):
    """Writes every line in ASCII, whatever widget it came from."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments, their text in ASCII."""
        return [Segment(to_ascii(text), style, control) for text, style, control in segments]


class StyledFilter(LineFilter):
    """Gives every piece a style: charts have some without, at which Textual's filter for NO_COLOR fails."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments, none of them without a style."""
        return [Segment(text, style or Style.null(), control) for text, style, control in segments]


def bar(share: float, width: int) -> str:
    """A horizontal bar of `width` columns at most, to half a column.

    >>> bar(0.5, 4), bar(0.4, 4)
    ('━━', '━╸')
    """
    halves = round(max(0.0, min(1.0, share)) * width * 2)
    full, rest = divmod(halves, 2)
    return "━" * full + "╸" * rest


def padded_bar(share: float, width: int) -> str:
    """`bar`, filled up with spaces to `width` columns."""
    return bar(share, width).ljust(width)


def rest(share: float, width: int) -> str:
    """The track that `bar` leaves of `width` columns."""
    return "─" * (width - len(bar(share, width)))
