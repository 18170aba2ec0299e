"""How fast `sracl describe` asks, and whether its memory stays flat: against a stub on this machine.

    python benchmarks/describe.py --calls 100000 --concurrency 64 --delay 0.2

The stub is a process of its own that answers every call after a delay, so the figures are those of the
client: the openai package, the bookkeeping and the SQLite cache.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from sracl_core.semantics.llm.answers_db import Job, LlmCache
from sracl_core.semantics.llm.budget import Budget
from sracl_core.semantics.llm.client import ChatClient
from sracl_core.semantics.llm.endpoint import Endpoint
from sracl_core.semantics.llm.job import Outcome, Spend, run_job
from sracl_core.semantics.llm.open_questions import plan_job
from sracl_core.semantics.llm.tokens import Prices

RESULT = Path(__file__).parent / "results" / "describe.json"


@dataclass(frozen=True)
class Numbered:
    """Subjects with prompts as long as those of real items."""

    count: int

    def __len__(self) -> int:
        return self.count

    def subject(self, row: int) -> str:
        return f"item-{row:07d}"

    def prompt(self, row: int) -> str:
        return f"Describe item {row}. " + "It is a rose soap with a mild scent. " * 40


def serve(delay: float, port: multiprocessing.Queue[int]) -> None:
    """Answer chat completions after `delay` seconds, until killed."""
    from aiohttp import web

    content = json.dumps({"summary": "word " * 60, "audience": "word " * 45})
    body = json.dumps(
        {
            "id": "stub",
            "object": "chat.completion",
            "created": 0,
            "model": "stub",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": content},
                }
            ],
            "usage": {"prompt_tokens": 380, "completion_tokens": 120, "total_tokens": 500},
        }
    ).encode()

    async def complete(request: web.Request) -> web.Response:
        await request.read()
        await asyncio.sleep(delay)
        return web.Response(body=body, content_type="application/json")

    async def main() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", complete)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port.put(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(main())


def resident_megabytes() -> float:
    """Memory of this process that is in RAM now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def measure(url: str, calls: int, concurrency: int, folder: Path) -> dict[str, object]:
    """Run one job of `calls` questions."""
    job = Job("benchmark", "train", "items", "item", "stub", "v1", "[]", "benchmark", calls)
    subjects, cache = Numbered(calls), LlmCache(folder / "llm.sqlite")
    began, cpu = time.perf_counter(), time.process_time()
    plan = plan_job(job, subjects, cache, None, None, record=True)
    planned = time.perf_counter() - began
    memory: list[dict[str, float]] = []

    def report(spend: Spend) -> None:
        if spend.done % max(1, calls // 10) == 0 or spend.done == min(1000, calls):
            memory.append({"calls": spend.done, "megabytes": round(resident_megabytes(), 1)})
            print(memory[-1], file=sys.stderr, flush=True)

    async with ChatClient(Endpoint(url, "stub")) as client:
        outcome: Outcome = await run_job(
            job,
            plan,
            subjects,
            cache,
            client,
            concurrency=concurrency,
            prices=Prices(0.1, 0.4),
            budget=Budget(None),
            report=report,
            stop=asyncio.Event(),
        )
    cache.close()
    return {
        "calls": outcome.calls,
        "written": outcome.written,
        "plan_seconds": round(planned, 2),
        "seconds": round(outcome.seconds, 2),
        "calls_per_second": round(outcome.calls / outcome.seconds, 1),
        "client_cpu_milliseconds_per_call": round(
            (time.process_time() - cpu) / max(1, outcome.calls) * 1e3, 2
        ),
        "load_at_end": round(os.getloadavg()[0], 1),
        "resident_memory": memory,
        "cache_megabytes": round((folder / "llm.sqlite").stat().st_size / 1e6, 1),
    }


def main() -> None:
    """Measure, print, and write the result beside the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--delay", type=float, default=0.2)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    port: multiprocessing.Queue[int] = context.Queue()
    stub = context.Process(target=serve, args=(options.delay, port), daemon=True)
    load = round(os.getloadavg()[0], 1)
    stub.start()
    try:
        url = f"http://127.0.0.1:{port.get(timeout=30)}/v1"
        with tempfile.TemporaryDirectory() as folder:
            result = asyncio.run(measure(url, options.calls, options.concurrency, Path(folder)))
    finally:
        stub.terminate()
    result = {
        "what": f"stub answering in {options.delay:g} s, concurrency {options.concurrency}",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "openai": version("openai"),
        "niceness": os.nice(0),
        "load_at_start": load,
        **result,
    }
    print(json.dumps(result, indent=2))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
