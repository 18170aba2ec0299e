"""The slow and obvious ways, kept to check the fast ones."""
