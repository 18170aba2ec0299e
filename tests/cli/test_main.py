"""The command line itself: fast, lazy, one line for every error."""

from __future__ import annotations

import errno
import os
import re
import resource
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from sracl_core.cli import main as cli
from sracl_core.cli.examples import EXAMPLES, with_examples
from sracl_core.cli.main import COMMANDS, build_app, run
from sracl_core.errors import Interrupted, StorageError
from tests.trained import ROOT

HEAVY = (
    "torch",
    "polars",
    "numpy",
    "pydantic",
    "sentence_transformers",
    "transformers",
    "hnswlib",
    "textual",
)


def test_help_loads_nothing_heavy_and_is_fast() -> None:
    code = (
        "import sys; from sracl_core.cli.main import run\n"
        "assert run(['--help']) == 0\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "print('HEAVY', heavy)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    seconds: list[float] = []
    libraries: list[float] = []

    def ran(code: str, took: list[float]) -> str:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return done.stdout

    for _ in range(4):
        ran("import typer, typer.rich_utils", libraries)
        done = ran(code, seconds)
        unwanted = eval(done.rpartition("HEAVY ")[2])
        assert set(unwanted) <= {"pydantic"}, unwanted
    # Processor time, the best of four, beside that of the libraries it cannot do without: the machine that
    # runs the tests has other things to do.
    assert min(seconds) < 2 * min(libraries), (seconds, libraries)


def test_every_command_exists_and_is_described_as_its_module_says() -> None:
    commands = typer.main.get_command(build_app("*")).commands
    assert set(commands) == set(COMMANDS)
    for name, command in commands.items():
        first = (command.help or "").strip().split("\n\n")[0].replace("\n", " ")
        assert first == COMMANDS[name].help, name


def leaves(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command that does something, by the words that call it."""
    below = getattr(command, "commands", {})
    for name, one in below.items():
        yield from leaves(one, f"{path} {name}".strip())
    if not below or (path and command.invoke_without_command):
        yield path, command


def test_every_command_has_examples_whose_words_it_knows() -> None:
    commands = dict(leaves(typer.main.get_command(build_app("*"))))
    assert set(EXAMPLES) == set(commands) - {"data", "runs", "items", "config", "export", "describe"}
    for path, lines in EXAMPLES.items():
        assert 2 <= len(lines) <= 3, path
        known = {word for option in commands[path].params for word in (*option.opts, *option.secondary_opts)}
        for line in lines:
            words = shlex.split(line.partition("| ")[2] or line)
            words = words[words.index("sracl") + 1 :]
            place = path.split()
            assert words[: len(place)] == place or words[0] == place[0], line
            assert {word for word in words if re.match(r"--?[a-z]", word)} <= known, line


def parsed(command: Any, words: list[str]) -> None:
    """Read the words as the command line does, and do nothing; raises what it would say of them."""
    context = command.make_context("sracl", words)
    while below := [*getattr(context, "_protected_args", []), *context.args]:
        if not hasattr(command, "resolve_command"):
            break
        name, command, left = command.resolve_command(context, below)
        context = command.make_context(name, left, parent=context)


def documented() -> Iterator[str]:
    """The commands that stand as lines of their own in the documents, without what is to be replaced."""
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = re.sub(r"\\\n(?: {4})?", "", path.read_text())
        for line in re.findall(r"^(?: {4})?(sracl [a-z].*)$", text, re.MULTILINE):
            command = line.split("#")[0].split("&&")[0].strip()
            if not re.search(r"[|\[*]|\.\.\.", command):
                yield command


def test_what_is_shown_says_all_that_a_command_needs() -> None:
    command = typer.main.get_command(build_app("*"))
    shown = [*documented(), *(line for lines in EXAMPLES.values() for line in lines)]
    faults = []
    for line in shown:
        words = shlex.split(line.partition("| ")[2] or line)
        try:
            parsed(command, words[words.index("sracl") + 1 :])
        except Exception as error:
            faults.append((line, repr(error)))
    assert not faults
    assert len(shown) > 100


def test_examples_are_shown_as_they_are_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "note", "--help"]) == 0
    assert 'sracl runs note last "the one that went live"' in capsys.readouterr().out
    assert run(["runs", "plot", "--help"]) == 0
    assert "sracl-tui[plots]" in capsys.readouterr().out


def test_help_is_cut_where_the_terminal_ends_and_not_where_the_source_does() -> None:
    commands = dict(leaves(with_examples(typer.main.get_command(build_app("*")))))
    assert all("\n" not in part for one in commands.values() for part in one.help.split("\n\n"))
    usage = {path: one.get_usage(typer.Context(one, info_name=path)) for path, one in commands.items()}
    plain = {path: re.sub(r"[{}.]", "", one) for path, one in usage.items()}  # marks of newer typers
    assert plain["data append"].split("] ")[1] == "DATASET FILE"
    assert plain["runs note"].split("] ", 1)[1] == "RUN [TEXT]"
    assert not [one for one in usage.values() if re.search(r"\.\.[^.]*\.\.|\[\[", one)]


def test_the_help_of_one_command_names_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--help"]) == 0
    shown = capsys.readouterr().out
    for option in ("DATASET", "--set", "--dry-run", "--json", "--runs-dir"):
        assert option in shown


def test_an_unexpected_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise KeyError("two\nlines")

    monkeypatch.setattr(cli, "_load", lambda command: fails)
    monkeypatch.delenv("SRACL_DEBUG", raising=False)
    assert run(["doctor"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "unexpected KeyError" in error
    assert "SRACL_DEBUG=1 shows the traceback" in error
    monkeypatch.setenv("SRACL_DEBUG", "1")
    with pytest.raises(KeyError):
        run(["doctor"])


@pytest.mark.parametrize(
    "raised", [OSError(errno.ENOSPC, "No space left"), ValueError("No space left on device (os error 28)")]
)
def test_a_full_disk_is_called_so_without_a_path(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], raised: Exception
) -> None:
    """As where stdout is a file."""

    def fails() -> None:
        raise raised

    monkeypatch.setattr(cli, "_load", lambda command: fails)
    assert cli.run(["doctor"]) == 1
    assert capsys.readouterr().err.startswith("error: no space is left on the disk; free some")


def test_an_error_that_quotes_lines_has_one() -> None:
    assert str(StorageError("malformed schema (CREATE\n   TABLE a)\n; move it away")) == (
        "malformed schema (CREATE TABLE a) ; move it away"
    )
    assert str(Interrupted("stopped\nhere", 15)) == "stopped here"


@pytest.mark.parametrize(
    ("raised", "code"), [(KeyboardInterrupt(), 130), (MemoryError(), 1), (BrokenPipeError(32, "pipe"), 1)]
)
def test_exit_codes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    raised: BaseException,
    code: int,
) -> None:
    def fails() -> None:
        raise raised

    monkeypatch.setattr(cli, "_load", lambda command: fails)
    with (tmp_path / "out").open("w") as out:  # its descriptor is turned to nowhere, and must not be pytest's
        monkeypatch.setattr(sys, "stdout", out)
        assert run(["doctor"]) == code
        monkeypatch.undo()
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("rest", ["", "--dry-run"])
@pytest.mark.parametrize("words", ["train", "tune --model sasrec", "compare --models popular", "ablate"])
def test_a_dataset_that_is_none_is_told_alike(
    words: str, rest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for dataset, said in (("", "no dataset is given: name a folder"), (".", "is not a prepared dataset")):
        assert run(f"{words} {dataset} {rest}".split()) == 2
        error = capsys.readouterr().err.removeprefix("loading\n")
        assert error.startswith("error: ")
        assert said in error
        assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("config show --config a.yaml -c b.yaml", "--config or -c is given 2 times and takes one value"),
        ("data prepare log.csv --out a --header --no-header", "--header or --no-header is given 2 times"),
        ("recommend last --user=a -k 3 --user b", "--user is given 2 times"),
        ("config show --set training.seed=1 --set training.sead=2", "--set training.sead: there is no"),
        ("runs list --json --json --runs-dir nowhere", ""),
    ],
)
def test_an_option_of_one_value_is_given_once(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words.split()) == (2 if said else 0)
    err = capsys.readouterr().err
    assert err.startswith(f"error: {said}") if said else not err


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "sracl_core.cli.main", "config", "show", "--json"]
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() in (0, 1)
    process.stderr.close()
