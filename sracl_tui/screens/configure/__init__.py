"""Configure: a run's settings, and what they amount to."""

TITLE = "Configure"
PLACE = 2
