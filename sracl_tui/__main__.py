"""`python -m sracl_tui`: the dashboard."""

from sracl_tui.launcher import main

if __name__ == "__main__":
    main()
