"""Train: the runs, and one of them live."""

TITLE = "Train"
PLACE = 3
