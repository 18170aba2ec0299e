"""Explore: what a trained run says of users and items."""

TITLE = "Explore"
PLACE = 4
