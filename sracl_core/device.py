"""Where tensors live, how precise products are, and what suits the device: the only module that asks."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from sracl_core.errors import ConfigError
from sracl_core.notices import warn

T = TypeVar("T")
R = TypeVar("R")

CPU = torch.device("cpu")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE_BLOCK_BYTES = 10_000_000
KEPT_BYTES = 64_000_000


_TOKENS_AT_ONCE = {"cpu": 8192}
_LOGIT_ROWS_AT_ONCE = {"cpu": 128}
_SEARCHED_ROWS_AT_ONCE = {"cpu": 1024}
_EXACT_UP_TO = {"cpu": 20_000}


def tokens_at_once(device: torch.device) -> int:
    """Tokens that an encoder takes in one piece.

    On a CPU the activations of more fall out of the cache, which costs a step a fifth of its time.
    """
    return _TOKENS_AT_ONCE.get(device.type, 1_000_000)


def logit_rows_at_once(device: torch.device) -> int:
    """States whose scores of all items are held at once; on a CPU few enough for the cache."""
    return _LOGIT_ROWS_AT_ONCE.get(device.type, 4096)


def searched_rows_at_once(device: torch.device) -> int:
    """Rows whose nearest are searched at once, each against tiles of 32,768 others."""
    return _SEARCHED_ROWS_AT_ONCE.get(device.type, 8192)


def exact_up_to(device: torch.device) -> int:
    """Vectors up to which retrieval.method=auto searches exactly, in time that grows with their square.

    On 2 CPU cores 20,000 take 4 s. On cuda 300,000 of 384 components are 70 trillion operations, which
    are seconds to tens of seconds, where the search by cells takes minutes of the CPU.
    """
    return _EXACT_UP_TO.get(device.type, 300_000)


def search_device(name: str) -> torch.device:
    """Where exact search runs for `training.device`: on cuda where that is chosen, else on the CPU."""
    with contextlib.suppress(ConfigError):
        device = pick_device(name)
        return device if device.type == "cuda" else CPU
    return CPU


@contextlib.contextmanager
def whole_mantissas() -> Iterator[None]:
    """Float32 products without the short mantissa that training takes: near vectors are told apart by it."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def pick_device(name: str) -> torch.device:
    """The device that `training.device` names; "auto" takes cuda, else mps, else cpu.

    Raises ConfigError for a device that this machine lacks.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return _set_up(torch.device("cuda"))
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(
            f"training.device '{name}' is no device; use auto, cpu, cuda, cuda:N or mps"
        ) from error
    missing = {
        "cpu": False,
        "cuda": not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count(),
        "mps": not torch.backends.mps.is_available(),
    }.get(device.type, True)
    if missing:
        raise ConfigError(f"training.device '{name}' is not on this machine; use auto or cpu")
    return _set_up(device)


def devices_here() -> list[torch.device]:
    """One of each kind that this machine has: the CPU, then cuda or mps."""
    best = pick_device("auto")
    return [CPU] if best == CPU else [CPU, best]


def device_here(name: str) -> torch.device:
    """As `pick_device`, for a run that was begun on another machine: what this one lacks, "auto" replaces.

    It says so. What is computed does not depend on the device but for rounding.
    """
    try:
        return pick_device(name)
    except ConfigError:
        device = pick_device("auto")
        warn(f"training.device '{name}' of the run is not on this machine; it goes on with {device}")
        return device


def _set_up(device: torch.device) -> torch.device:
    """On cuda, float32 products may take the tensor cores' shorter mantissa: several times as fast."""
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    return device


def as_tensor(array: NDArray[Any]) -> torch.Tensor:
    """`array` as a tensor of the CPU without a copy, memory maps included; nobody may write to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def product(states_RD: torch.Tensor, items_ND: torch.Tensor) -> torch.Tensor:
    """states @ items.T, [R, N], in memory that nothing else holds.

    Of 512 states and 200,000 items it is 400 MB, and to be given so much page by page takes a CPU as long as
    the product itself; NumPy asks for huge pages.
    """
    if states_RD.device.type != "cpu" or torch.is_grad_enabled() or states_RD.dtype != torch.float32:
        return states_RD @ items_ND.T
    found = torch.from_numpy(np.empty((len(states_RD), len(items_ND)), dtype=np.float32))
    return torch.mm(states_RD, items_ND.T, out=found)


def cores() -> int:
    """CPU cores that this process may use."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return found or 1


def use_threads(threads: int) -> int:
    """Let torch use `threads` CPU threads, 0 meaning every core; returns the number."""
    count = threads or cores()
    torch.set_num_threads(count)
    return count


@contextlib.contextmanager
def limited_threads(threads: int) -> Iterator[int]:
    """Run torch on `threads` cores (0: as many as it has now), and put its setting back."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield threads or before
    finally:
        torch.set_num_threads(before)


def in_threads(
    job: Callable[[T], R], parts: Sequence[T], threads: int = 0, ended: Event | None = None
) -> Iterator[R]:
    """`job` of each part, in order, by so many threads (0: as many as torch has).

    Every product is computed by one of them alone, so that no number depends on how many there are.
    ended: set at the end, and when no more is asked for.
    """
    with limited_threads(threads) as workers:
        pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
        with limited_threads(1), pool:
            try:
                yield from pool.map(job, parts)
            finally:
                if ended is not None:
                    ended.set()


def return_freed_blocks() -> None:
    """Let glibc give large freed blocks back at once, such as a gradient of the item embeddings.

    Left alone it keeps blocks of up to 32 MB for reuse and cannot join them: 4.6 GB where 1.6 are
    needed. Told so, it would also give back whatever is free at the end of its heap beyond 128 kB, at each
    step, for the next one to ask for again: a fourth of the page faults are left where it keeps some of that.
    See mallopt(3); other C libraries have no such call.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
            mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def forget_compiled_shapes() -> None:
    """Let oneDNN keep no compiled products: packed batches have another length in nearly each step.

    It would keep 1,024 of them, each with its buffers: half a gigabyte after a hundred epochs, and none
    is met again. Read at its first product, so a process that has used torch before keeps its own.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "0")


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """A context in which matrix products take `precision`."""
    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def bfloat16_gain(device: torch.device, size: int = 512, repeats: int = 8) -> float:
    """How many times faster a matrix product is in bfloat16 than in float32 here, measured."""

    def seconds(dtype: torch.dtype) -> float:
        matrix = torch.ones(size, size, device=device, dtype=dtype)
        best = float("inf")
        for _ in range(repeats):
            start = time.perf_counter()
            float((matrix @ matrix)[0, 0])
            best = min(best, time.perf_counter() - start)
        return best

    return seconds(torch.float32) / seconds(torch.bfloat16)


def forget_peak_memory(device: torch.device) -> None:
    """Let `peak_memory` tell of what comes from now on, where the system can forget."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")


def peak_memory(device: torch.device) -> int:
    """Bytes: on a GPU what tensors took there at most, else what this process held at most.

    On Linux since `forget_peak_memory`, elsewhere since the process began.
    """
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if sys.platform == "linux":
        with contextlib.suppress(OSError, ValueError, IndexError):
            status = Path("/proc/self/status").read_text()
            return 1024 * int(status.split("VmHWM:")[1].split()[0])
    import psutil

    held = psutil.Process().memory_info()
    return int(getattr(held, "peak_wset", held.rss))
