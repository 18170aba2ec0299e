from textual.widgets import Static

from sracl_tui.screens.base import TabScreen


class DataScreen(TabScreen):
    MODE = "data"
    TITLE = "Data"

    def body(self):
        yield Static("soon")
