from textual.widgets import Static
from sracl_tui.screens.base import TabScreen
class ExploreScreen(TabScreen):
    MODE = "explore"
    TITLE = "Explore"
    def body(self):
        yield Static("soon")
