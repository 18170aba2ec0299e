"""The `sracl` command: finds the command's module, and turns every error into one line.

Only the module of the command that was asked for is imported (torch alone takes 1.5 s), so the
help of each command stands in a table here; a test holds it equal to the command's own.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import typer

from sracl_core import memory
from sracl_core.cli import completion, streams
from sracl_core.cli.examples import with_examples
from sracl_core.cli.once import refusing_repeats
from sracl_core.errors import Interrupted, SraclError, in_flags
from sracl_core.interrupts import end_as_ctrl_c_does, exit_code, inside
from sracl_core.plain import plain


class Command(NamedTuple):
    """Where a command lives: `attribute` of `module` is a function, or a Typer for a group."""

    module: str
    attribute: str
    help: str
    panel: str


_DATA, _RUN, _ASK, _SETUP = "Data and texts", "Training", "A finished run", "Setup"

COMMANDS: dict[str, Command] = {
    "data": Command("data", "app", "Fetch, prepare and describe datasets.", _DATA),
    "describe": Command("describe", "describe", "Let an LLM write the texts of items and users.", _DATA),
    "embed": Command(
        "embed",
        "embed",
        "Encode the texts that a training with these settings would, and keep the vectors in the cache.",
        _DATA,
    ),
    "train": Command("train", "train", "Train a recommender on a prepared dataset.", _RUN),
    "resume": Command(
        "train",
        "resume",
        "Continue a run that was stopped or crashed, or with --epochs one that is to be trained for longer.",
        _RUN,
    ),
    "stop": Command("train", "stop", "Ask a running training to checkpoint and stop.", _RUN),
    "ablate": Command(
        "ablate", "ablate", "Train SRA-CL with one part taken away at a time, and compare.", _RUN
    ),
    "compare": Command(
        "compare",
        "compare",
        "Train several methods with several seeds, and compare them with floors and published figures.",
        _RUN,
    ),
    "tune": Command(
        "tune",
        "tune",
        "Try settings of a method, each as a run, and choose by validation alone; test is not looked at.",
        _RUN,
    ),
    "runs": Command("runs", "app", "List, show and compare runs.", _RUN),
    "evaluate": Command(
        "evaluate", "evaluate", "Rank the held-out items again with a run's best model.", _ASK
    ),
    "users": Command(
        "users",
        "users",
        "List users by how well a run does for them, or how much better another does.",
        _ASK,
    ),
    "items": Command(
        "items", "app", "Show and map a run's items, and add such as came after training.", _ASK
    ),
    "recommend": Command(
        "recommend", "recommend", "Recommend items for a user, a list of items, or everybody.", _ASK
    ),
    "neighbors": Command("neighbors", "neighbors", "Show the semantic neighbors of a user or an item.", _ASK),
    "explore": Command("explore", "explore", "Answer questions about a run, one JSON object a line.", _ASK),
    "mcp": Command(
        "mcp",
        "mcp",
        "Serve a run or an export to an assistant, by the Model Context Protocol on stdin and stdout.",
        _ASK,
    ),
    "monitor": Command(
        "monitor",
        "monitor",
        "Measure a run on events after its training, week by week, and say when to train anew.",
        _ASK,
    ),
    "export": Command("export", "app", "Write a run for use without torch, or its metrics as CSV.", _ASK),
    "serve": Command("serve", "serve", "Answer questions about a run or an export over HTTP.", _ASK),
    "config": Command("config", "app", "Show or validate the settings of a run.", _SETUP),
    "cache": Command("cache", "app", "Show and clear what is kept to save time.", _SETUP),
    "demo": Command("demo", "demo", "Train on the sample data and look at what came out.", _SETUP),
    "doctor": Command("doctor", "doctor", "Check this machine and installation.", _SETUP),
}

TRAINS = ("train", "resume", "ablate", "compare", "tune", "demo")


def build_app(wanted: str | None) -> typer.Typer:
    """The command line with `wanted` loaded for real and every other command as its help line.

    None loads nothing; "*" loads everything.
    """
    app = typer.Typer(
        name="sracl",
        help="Sequential recommendation that learns from what people did and from what items mean.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        epilog="Errors are one line on stderr; SRACL_DEBUG=1 shows the traceback. "
        "Exit codes: 0 fine, 1 failed, 2 wrong usage or input, 3 a process of a team was lost; "
        "interrupted: 130 by Ctrl-C, 143 by SIGTERM, 129 by a closed terminal.",
    )
    app.callback()(_root)
    for name, command in COMMANDS.items():
        target: Any = _load(command) if wanted in (name, "*") else _stands_in
        if isinstance(target, typer.Typer):
            app.add_typer(target, name=name, help=command.help, rich_help_panel=command.panel)
        else:
            app.command(
                name, help=None if target is not _stands_in else command.help, rich_help_panel=command.panel
            )(target)
    return app


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit; the console script `sracl`."""
    words = list(sys.argv[1:] if argv is None else argv)
    if "_SRACL_COMPLETE" not in os.environ:
        memory.tell_of_aborts(_wanted(words) in TRAINS)
    reads = _wanted(words) == "data"
    # What is imported stays: to look through it for garbage, while it grows and again at the end, takes a
    # quarter of the CPU time of a command that needs torch.
    gc.set_threshold(10_000)
    code = memory.heard_alone(lambda: run(words)) if reads else run(words)
    gc.freeze()
    sys.exit(code)


def run(argv: list[str]) -> int:
    """Run the command line on `argv` and return the exit code."""
    with in_flags():
        return _run(argv)


def _run(argv: list[str]) -> int:
    # Idle threads of a parallel loop spin a third of a million times before they sleep; beside other
    # work on the machine a step was seen to take nine times as long. Read when torch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "5000")
    # To look for plugins pydantic reads a file of each distribution that is installed, with every command.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")
    wanted = _wanted(argv)
    if "_SRACL_COMPLETE" in os.environ:
        wanted = completion.command_of(dict(os.environ))
        completion.without_coercion()
    streams.make_usable()
    try:
        if "WORLD_SIZE" in os.environ:
            from sracl_core.cli.processes import refuse_a_team

            refuse_a_team(wanted, argv)
        end_as_ctrl_c_does()
        command = refusing_repeats(typer.main.get_command(build_app(wanted)))
        code = _invoke(with_examples(command), argv)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except KeyboardInterrupt as interrupt:
        return _interrupted(interrupt)
    except BrokenPipeError:
        # Whoever read our output has enough; the interpreter must not flush into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("SRACL_DEBUG", "0") not in ("", "0"):
            raise
        return _report(error, _wanted(argv))
    except BaseException as error:
        if not type(error).__module__.startswith("pyo3"):  # a library in Rust has panicked
            raise
        return _report(error, _wanted(argv))


def _wanted(argv: list[str]) -> str | None:
    """The command among the words, None where there is none."""
    return next((word for word in argv if not word.startswith("-")), None)


def _invoke(command: Any, argv: list[str]) -> Any:
    # What `command()` does, but for its handling of Ctrl-C and of every EOFError as one.
    if "_SRACL_COMPLETE" in os.environ:
        return command(argv, prog_name="sracl", standalone_mode=False)
    try:
        with command.make_context("sracl", argv) as context:
            return command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except typer.Abort as abort:
        raise KeyboardInterrupt from abort


def _tell(text: str) -> None:
    """A line on stderr, where there is anybody to read it."""
    with contextlib.suppress(OSError, AttributeError):
        print(text, file=sys.stderr, flush=True)


def _interrupted(interrupt: KeyboardInterrupt) -> int:
    _tell("interrupted")
    return exit_code(interrupt)


def _report(error: BaseException, command: str | None) -> int:
    if memory.ran_out(error):
        _tell(f"error: {memory.told(command in TRAINS)}")
        return 1
    if isinstance(error, SraclError):
        prefix = "interrupted: " if isinstance(error, Interrupted) else "error: "
        _tell(f"{prefix}{_one_line(error)}")
        return error.exit_code
    if isinstance(error, OSError) and error.filename is not None and error.errno:
        from sracl_core.files import storage_error

        return _report(storage_error(error, Path(os.fsdecode(error.filename)), "use"), command)
    usage = getattr(error, "format_message", None)
    if usage is not None:
        # A group without a command has already printed its help.
        if type(error).__name__ != "NoArgsIsHelpError":
            context = getattr(error, "ctx", None)
            path = context.command_path if context is not None else "sracl"
            _tell(f"error: {_one_line(usage())} (`{path} --help` shows the usage)")
        return int(getattr(error, "exit_code", 2))
    from sracl_core.files import disk_reason

    if (reason := disk_reason(error)) is not None:
        _tell(f"error: {reason}")
        return 1
    if (interrupt := inside(error)) is not None:
        return _interrupted(interrupt)
    name = type(error).__name__
    _tell(f"error: unexpected {name}: {_one_line(error)} (SRACL_DEBUG=1 shows the traceback)")
    return 1


def _one_line(message: object) -> str:
    return plain(" ".join(str(message).split())) or "no message"


def _load(command: Command) -> Any:
    return getattr(importlib.import_module(f"sracl_core.cli.{command.module}"), command.attribute)


def _stands_in() -> None:
    """A command that was not asked for."""


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"sracl {version('sracl-tui')}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False, "--version", help="Print the version and exit.", is_eager=True, callback=_version
    ),
) -> None:
    """What stands before a command."""


if __name__ == "__main__":
    main()
