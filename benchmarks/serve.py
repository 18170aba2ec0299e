"""How many answers a second a service gives, how late the latest are, and what each costs of the processor.

    sracl export RUN --out live
    python benchmarks/serve.py live --connections 8 --answers 5000

Starts `sracl serve` and asks /recommend over connections that stay open, each asking anew when it is
answered. Histories are drawn from the export's items by popularity, up to 20 items long. The processor's time
an answer is that of the service's process alone: it says on a busy machine, too, what one core could do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from sracl_core.files import write_json


def histories(export: Path, count: int) -> list[bytes]:
    """Whole requests."""
    items = json.loads((export / "items.json").read_text())["ids"]
    counts, rng = np.load(export / "popularity.npy"), np.random.default_rng(0)
    shares = counts / counts.sum()
    found = []
    for length in rng.integers(1, 21, count):
        history = [items[row] for row in rng.choice(len(items), length, p=shares)]
        body = json.dumps({"history": history}).encode()
        head = f"POST /recommend HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
        found.append(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
    return found


async def asks(port: int, requests: list[bytes], seconds: list[float], answers: int) -> None:
    """One connection: asks until `answers` are there in all."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while len(seconds) < answers:
        began = time.perf_counter()
        writer.write(requests[len(seconds) % len(requests)])
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        seconds.append(time.perf_counter() - began)
    writer.close()


async def measure(
    port: int, requests: list[bytes], connections: int, answers: int
) -> tuple[float, list[float]]:
    """(seconds in all, seconds of each answer)"""
    seconds: list[float] = []
    began = time.perf_counter()
    await asyncio.gather(*(asks(port, requests, seconds, answers) for _ in range(connections)))
    return time.perf_counter() - began, seconds


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("export", type=Path)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--answers", type=int, default=5000)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    words = [sys.executable, "-m", "sracl_core.cli.main", "serve", str(args.export), "--port", "0"]
    service = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    try:
        assert service.stderr is not None
        port = int(service.stderr.readline().split()[2].rsplit(":", 1)[1])
        requests, process = histories(args.export, 2000), psutil.Process(service.pid)
        asyncio.run(measure(port, requests, args.connections, 200))
        cpu, memory = process.cpu_times(), process.memory_info().rss
        seconds, each = asyncio.run(measure(port, requests, args.connections, args.answers))
        after = process.cpu_times()
        used = after.user + after.system - cpu.user - cpu.system
        found: dict[str, Any] = {
            "answers": len(each),
            "connections": args.connections,
            "answers_a_second": round(len(each) / seconds, 1),
            "p50_ms": round(1000 * float(np.quantile(each, 0.5)), 2),
            "p99_ms": round(1000 * float(np.quantile(each, 0.99)), 2),
            "cpu_ms_an_answer": round(1000 * used / len(each), 3),
            "memory_mb": [round(size / 1e6, 1) for size in (memory, process.memory_info().rss)],
            "load": os.getloadavg()[0],
        }
    finally:
        service.terminate()
        service.wait(60)
    print(json.dumps(found, indent=2))
    if args.out:
        write_json(args.out, found)


if __name__ == "__main__":
    main()
