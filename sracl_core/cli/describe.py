"""`sracl describe`: let a language model write the texts of items or users."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from sracl_core.cli.output import (
    DryRunOption,
    JsonOption,
    QuietOption,
    print_json,
    print_pairs,
    print_table,
    say,
    tell,
    tell_lines,
)
from sracl_core.cli.settings import ConfigOption, DatasetArgument, SetOption
from sracl_core.words import counted

if TYPE_CHECKING:
    from sracl_core.semantics.llm.answers_db import LlmCache
    from sracl_core.semantics.llm.session import DescribeTask


class _DatasetFirst(TyperGroup):
    """`sracl describe DATASET ...` beside `sracl describe status`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


describe = typer.Typer(
    cls=_DatasetFirst,
    no_args_is_help=True,
    help="Let an LLM write the texts of items and users.",
    epilog="`sracl describe DATASET ...` is short for `sracl describe run DATASET ...`.",
)


_STATUS = {
    "dataset": "name",
    "what": "what",
    "scope": "scope",
    "model": "model",
    "prompt": "prompt_version",
    "subjects": "subjects",
    "wanted": "wanted",
    "done": "done",
    "failed": "failed",
    "plain": "plain",
    "input tokens": "input_tokens",
    "output tokens": "output_tokens",
    "money": "money",
}


@describe.command("run")
def run(
    dataset: DatasetArgument,
    what: Annotated[Literal["items", "users"], typer.Option("--what", help="Whose texts.")],
    scope: Annotated[
        str | None, typer.Option("--scope", help="users: one text for each user, or for each prefix.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Name of the model at the endpoint.")] = None,
    base_url: Annotated[str | None, typer.Option("--base-url", help="OpenAI-compatible endpoint.")] = None,
    concurrency: Annotated[int | None, typer.Option("--concurrency", help="Calls in flight.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only the first N; items: the most bought ones.")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option("--budget", help="Money this job may cost in all, earlier starts included."),
    ] = None,
    prompt: Annotated[
        Path | None, typer.Option("--prompt", help="A Jinja template in place of the built-in prompt.")
    ] = None,
    config: ConfigOption = None,
    sets: SetOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Ask an OpenAI-compatible server for the texts that are missing, and keep every answer.

    The key is read from SRACL_LLM_API_KEY or OPENAI_API_KEY; the latter is sent to OpenAI, and to another
    address only where you name it yourself. Stop it at any time (Ctrl-C waits for the
    calls in flight); the next start asks for what is missing.
    """
    from sracl_core.data.sources import load_sources
    from sracl_core.errors import ConfigError
    from sracl_core.semantics.llm.session import estimate_task, make_task
    from sracl_core.settings.layers import load_config, said_by_user

    if scope is not None and what == "items":
        raise ConfigError("--scope is for --what users; leave it away")
    flags: dict[str, tuple[str, Any]] = {
        "DATASET": ("dataset.path", dataset),
        "--scope": ("describe.scope", scope),
        "--model": ("describe.model", model),
        "--base-url": ("describe.base_url", base_url),
        "--concurrency": ("describe.concurrency", concurrency),
    }
    settings, origins = load_config(config_file=config, sets=sets or [], flags=flags)
    sources = load_sources(settings)
    task = make_task(settings, what, sources.dataset, sources.split.train, prompt, limit, budget)
    if dry_run:
        from sracl_core.cli.output import progress_display

        with progress_display(quiet) as progress:
            estimate = estimate_task(task, progress)
        _print_estimate(estimate, as_json)
        return
    origin = origins["describe.base_url"]
    task = replace(task, address_given=said_by_user(origin))
    _tell_endpoint(task, origin, quiet)
    _ask(task, as_json, quiet)


@describe.command("status")
def status(
    texts: Annotated[int, typer.Option("--texts", min=0, help="Show so many texts of each job, too.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """What has been written so far: done, failed, tokens and money of every job in the cache."""
    from sracl_core.semantics.llm.answers_db import LlmCache

    cache = LlmCache(read_only=True)
    try:
        jobs = cache.jobs()
        for job in jobs if texts else []:
            written = cache.texts(job["id"], texts)
            job["texts"] = {subject: text or f"({form})" for subject, (form, text) in written.items()}
    finally:
        cache.close()
    if as_json:
        print_json(jobs)
        return
    if not jobs:
        say(f"nothing has been described yet ({cache.path} is empty or not there)")
        return
    print_table(list(_STATUS), [[job[key] for key in _STATUS.values()] for job in jobs])
    for job in jobs:
        for subject, text in job.get("texts", {}).items():
            tell()
            tell(f"{job['name']}, {job['what']}, {job['model']}: {subject}")
            tell_lines(text)
    say(f"kept in {cache.path}")


def _print_estimate(estimate: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(estimate)
        return
    examples = estimate.pop("examples")
    print_pairs({name.replace("_", " "): value for name, value in estimate.items()})
    for number, text in enumerate(examples, start=1):
        tell()
        tell(f"--- example prompt {number} of {len(examples)} ---")
        tell_lines(text)


def _tell_endpoint(task: DescribeTask, origin: str, quiet: bool) -> None:
    """Who is about to read the texts, and who said so. Raises ConfigError for no usable address."""
    from sracl_core.semantics.llm.endpoint import check_endpoint, withholds_key

    address = task.settings.base_url
    check_endpoint(address)
    say(f"asking {address} (from {origin})", quiet)
    if withholds_key(address, task.address_given):
        say(
            f"note: OPENAI_API_KEY is not sent there, because {origin} names the address and not you; "
            f"if you trust it, give --base-url {address}",
            quiet,
        )


def _ask(task: DescribeTask, as_json: bool, quiet: bool) -> None:
    from sracl_core.cli.describe_display import spending_display
    from sracl_core.errors import Interrupted, ServiceError
    from sracl_core.semantics.llm.answers_db import LlmCache
    from sracl_core.semantics.llm.session import check_task, run_task

    check_task(task)
    cache = LlmCache()
    try:
        _about_other_prompts(task, cache, quiet)
        with spending_display(quiet) as report:
            outcome = run_task(task, cache, report)
    finally:
        cache.close()
    summary = outcome.summary()
    if as_json:
        print_json(summary)
    else:
        print_pairs({name.replace("_", " "): value for name, value in summary.items()})
    if outcome.failed and not outcome.written and not outcome.stopped:
        raise ServiceError(
            f"none of {outcome.failed:,} questions got a text (last: {outcome.last_error}); mend that, the "
            "next start asks for them again"
        )
    if outcome.failed:
        say(
            f"{outcome.failed:,} of {outcome.failed + outcome.written:,} failed (last: "
            f"{outcome.last_error}); the next start asks for them again",
            quiet,
        )
    if outcome.stopped == "budget":
        say("stopped: the next call might exceed the budget; start again with a larger --budget", quiet)
    elif outcome.stopped:
        raise Interrupted(
            "stopped; everything that was answered is kept, start again to go on", outcome.signal
        )


def _about_other_prompts(task: DescribeTask, cache: LlmCache, quiet: bool) -> None:
    job = task.job
    same = {"dataset": job.dataset, "what": job.what, "scope": job.scope, "model": job.model}
    for other in cache.jobs(**same):
        if other["prompt_version"] != job.prompt_version and other["done"]:
            say(
                f"note: {counted(other['done'], 'text in the cache was', 'texts in the cache were')} "
                "written with prompt "
                f"{other['prompt_version']}; this is {job.prompt_version}, so they are written anew "
                "(the old ones are kept)",
                quiet,
            )
