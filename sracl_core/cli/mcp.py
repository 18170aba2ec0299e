"""`sracl mcp`: a run or an export as tools for an assistant."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from sracl_core.cli import asking
from sracl_core.cli.run_argument import RUNS_DIR, RunsDirOption
from sracl_core.errors import InputError, in_flags


def mcp(
    what: Annotated[str, typer.Argument(metavar="RUN|EXPORT", help="A run, or a folder of `sracl export`.")],
    dataset: asking.MovedOption = None,
    runs_dir: RunsDirOption = RUNS_DIR,
) -> None:
    """Serve a run or an export to an assistant, by the Model Context Protocol on stdin and stdout.

    The tools are the questions of `sracl serve`. A newer model at the same path is taken up.
    """
    try:
        from sracl_core.service.assistant import assistant, over_stdio
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise InputError("mcp needs the package mcp: pip install 'sracl-tui[mcp]'") from error
    source = asking.source_of(what, runs_dir, dataset, asking.beginnings())
    with in_flags(False):  # who asks has names of JSON, no options
        asyncio.run(over_stdio(assistant(source)))
