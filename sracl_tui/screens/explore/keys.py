"""The keys of Explore, and which of them need a run or an answer."""

from __future__ import annotations

from textual.binding import Binding, BindingType

KEYS: list[BindingType] = [
    Binding("slash", "filter", "User", key_display="/", tooltip="Pick a user by typing"),
    Binding("f", "text", "Free text", tooltip="Search items by meaning, and steer by it"),
    Binding("left_square_bracket", "weight(-0.1)", "Less text", key_display="[", show=False),
    Binding("right_square_bracket", "weight(0.1)", "More text", key_display="]", show=False),
    Binding("m", "next_user('miss')", "Miss", tooltip="The next user whose held-out item was missed"),
    Binding("h", "next_user('hit')", "Hit", tooltip="The next user whose held-out item was found"),
    Binding("r", "next_user('any')", "Random", tooltip="Any user, by chance"),
    Binding("s", "sort_users", "Sort", tooltip="Users by rank, gain, length"),
    Binding("f6", "sort_users", "Sort", key_display="F6", tooltip="The same, also while one types"),
    Binding("o", "turn_order", "Order", show=False, tooltip="Two runs: in the order of the other one"),
    Binding("v", "map", "Map", tooltip="All items in the plane, by meaning"),
    Binding("c", "compare", "Compare", tooltip="A second run's list beside this one"),
    Binding("backspace", "back", "Back", tooltip="To the user before"),
    Binding("left", "panel(-1)", "Panel", key_display="←", show=False, tooltip="To the panel on the left"),
    Binding("right", "panel(1)", "Panels", key_display="→", show=False, tooltip="To the panel on the right"),
    Binding("u", "until", "Reads", tooltip="How much of the history is read"),
    Binding("i", "seen", "Seen too", tooltip="Recommend what was bought before too, or not"),
    Binding("p", "profile", "Profile", tooltip="The text that stands for the user"),
    Binding("f5,R", "restart", "Reload", key_display="F5", tooltip="Start the explorer again"),
    Binding("y", "copy", "Copy", show=False, tooltip="Copy the focused panel's rows"),
    Binding("e", "export", "Export", show=False, tooltip="Write the answers as CSV and JSON"),
]

NEEDS_RUN = ("filter", "text", "next_user", "sort_users", "map")
NEEDS_ANSWERS = ("until", "seen", "profile")
