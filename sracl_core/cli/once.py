"""Options that take one value are given once: of two, a parser keeps the later and says nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sracl_core.errors import InputError


def refusing_repeats(command: Any) -> Any:
    """`command`, and what is below it, with an InputError for an option of one value that stands twice.

    A switch that has no opposite, such as --quiet, may be repeated.
    """
    for below in getattr(command, "commands", {}).values():
        refusing_repeats(below)
    make = command.make_parser

    def make_parser(context: Any) -> Any:
        parser = make(context)
        parse = parser.parse_args

        def parse_args(args: list[str]) -> Any:
            found = parse(args=args)
            if not context.resilient_parsing:
                _refuse_repeats(found[2])
            return found

        parser.parse_args = parse_args
        return parser

    command.make_parser = make_parser
    return command


def _refuse_repeats(order: list[Any]) -> None:
    for option, count in Counter(order).items():
        switch = getattr(option, "is_flag", False) and not option.secondary_opts
        several = option.nargs != 1 or getattr(option, "multiple", False) or getattr(option, "count", False)
        if count > 1 and option.param_type_name == "option" and not switch and not several:
            names = " or ".join([*option.opts, *option.secondary_opts])
            raise InputError(f"{names} is given {count} times and takes one value; leave the others out")
