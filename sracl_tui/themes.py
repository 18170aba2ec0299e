"""The two themes of our own; every theme of Textual can be chosen beside them."""

from __future__ import annotations

from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="sracl-dark",
    primary="#7aa2c8",
    secondary="#5f7f99",
    accent="#e0b072",
    success="#8fb573",
    warning="#e0b072",
    error="#e07a78",
    foreground="#d8dce2",
    background="#15181d",
    surface="#1a1e24",
    panel="#242a32",
    dark=True,
    variables={
        "muted": "#8b95a1",
        "border": "#3a444f",
        "border-blurred": "#2f3842",
        "footer-key-foreground": "#e0b072",
        "block-cursor-background": "#33475a",
        "block-cursor-foreground": "#f2f5f8",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#262f38",
        "block-cursor-blurred-foreground": "#d8dce2",
    },
)

LIGHT = Theme(
    name="sracl-light",
    primary="#2f6690",
    secondary="#5b7285",
    accent="#9a5b00",
    success="#3f7031",
    warning="#9a5b00",
    error="#b3302f",
    foreground="#22262b",
    background="#f5f4f1",
    surface="#fbfaf8",
    panel="#e8e6e1",
    dark=False,
    variables={
        "muted": "#6b6f76",
        "border": "#b9b6ae",
        "border-blurred": "#d3d0c8",
        "footer-key-foreground": "#9a5b00",
        "block-cursor-background": "#c9dbe9",
        "block-cursor-foreground": "#101418",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#e2e5e7",
        "block-cursor-blurred-foreground": "#22262b",
    },
)

_OWN_COLORS = next(name for name in ("ansi-dark", "textual-ansi") if name in BUILTIN_THEMES)
"""The theme of the terminal's own colors, whose name differs between versions of Textual."""

CYCLE = (DARK.name, LIGHT.name, _OWN_COLORS)
"""What the theme key goes through; the third one keeps the terminal's own colors."""
