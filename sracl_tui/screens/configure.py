from textual.widgets import Static

from sracl_tui.screens.base import TabScreen


class ConfigureScreen(TabScreen):
    MODE = "configure"
    TITLE = "Configure"

    def body(self):
        yield Static("soon")
