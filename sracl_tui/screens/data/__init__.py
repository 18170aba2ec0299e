"""Data: the datasets that are here, and those that could be."""

TITLE = "Data"
PLACE = 1
