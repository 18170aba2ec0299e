"""`python -m sracl_core`: the `sracl` command, as torchrun wants it."""

from sracl_core.cli.main import main

main()
