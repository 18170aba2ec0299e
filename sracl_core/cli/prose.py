"""What is to be read beside a table: in a terminal no word of it is broken at the edge."""

from __future__ import annotations

import shutil
import sys
import textwrap

from sracl_core.cli import output


def tell_prose(text: str) -> None:
    """Sentences on stdout: one line, which a terminal gets in as many as it needs, broken at blanks.

    Not for what is to be copied, such as a command: that stays one line, however long.
    """
    if not sys.stdout.isatty():
        output.tell(text)
        return
    width = shutil.get_terminal_size().columns
    for line in textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False):
        output.tell(line)
