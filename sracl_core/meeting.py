"""How the processes of a team find each other, on one machine or on several.

The variables RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, which torchrun sets, say who is who.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import psutil
import torch
import torch.distributed as dist

from sracl_core.errors import RESUMED, InputError, TeamError
from sracl_core.team import ALONE, Team

MEETING = timedelta(minutes=5)
WAITING = timedelta(days=2)
"""Process 0 may encode texts for hours while the others wait; that one has died is noticed at once."""


def size_told() -> int:
    """Processes of the team that the environment tells of; 1 for none. Raises InputError."""
    told = os.environ.get("WORLD_SIZE", "1")
    if not told.isdigit() or int(told) < 1:
        raise InputError(f"WORLD_SIZE is '{told}', not a number of processes; torchrun sets it")
    return int(told)


def rank_told() -> int:
    """This process's number in the team that the environment tells of."""
    told = os.environ.get("RANK", "0")
    if not told.isdigit() or int(told) >= size_told():
        raise InputError(
            f"RANK is '{told}', not a number below WORLD_SIZE, which is {size_told()}; torchrun sets both"
        )
    return int(told)


def _place_told() -> str:
    """Where the team meets, by the environment. Raises InputError."""
    host, port = (os.environ.get(name, "") for name in ("MASTER_ADDR", "MASTER_PORT"))
    if not host or not port.isdigit() or not 0 < int(port) < 1 << 16:
        wrong = "MASTER_PORT" if host else "MASTER_ADDR"
        raise InputError(
            f"{wrong} is '{os.environ.get(wrong, '')}', and a team of WORLD_SIZE {size_told()} meets there; "
            "torchrun sets it, or leave WORLD_SIZE out and give --processes"
        )
    return f"{host}:{port}"


def _use_road_to_others(store: Any, rank: int, size: int) -> None:
    """Have gloo listen where the others can reach this process, unless GLOO_SOCKET_IFNAME says where.

    By itself it listens where the machine's own name leads, on many machines to themselves alone. The road
    to the last process is asked for where the meeting place is this machine.
    """
    if os.environ.get("GLOO_SOCKET_IFNAME"):
        return
    near = _address_toward(os.environ["MASTER_ADDR"])
    store.set(f"sracl/address/{rank}", near)
    far = store.get(f"sracl/address/{size - 1}").decode()
    if near and far and ip_address(near).is_loopback and not ip_address(far).is_loopback:
        near = _address_toward(far)
    for name, addresses in psutil.net_if_addrs().items():
        if near and near in (one.address.split("%")[0] for one in addresses):
            os.environ["GLOO_SOCKET_IFNAME"] = name


def _address_toward(host: str) -> str:
    """This machine's address on the road to `host`, "" where there is none; nothing is sent."""
    for family, kind, _, _, place in socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM):
        with socket.socket(family, kind) as road, suppress(OSError):
            road.connect(place)
            return str(road.getsockname()[0])
    return ""


@contextmanager
def joined(remedy: str = RESUMED) -> Iterator[Team]:
    """The team that the environment tells of, while inside. Raises TeamError where it does not come about.

    remedy: what to do once one of them has ended.
    """
    size, rank = size_told(), rank_told()
    if size == 1:
        yield ALONE
        return
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        backend = "cpu:gloo,cuda:nccl"
    where = _place_told()
    try:
        store, _, _ = next(dist.rendezvous("env://", timeout=MEETING))  # type: ignore[attr-defined]
        store.set_timeout(WAITING)
        _use_road_to_others(store, rank, size)
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=WAITING)
    except (RuntimeError, ValueError) as error:
        if "EADDRINUSE" in str(error) or "in use" in str(error):
            raise TeamError(f"the port of {where} is in use; set MASTER_PORT to another one") from error
        raise TeamError(
            f"process {rank} of {size} could not meet the others at {where}: "
            f"{str(error).splitlines()[0][:120]}; are they all started, and does the address reach process 0?"
        ) from error
    try:
        yield Team(rank, size, remedy)
    finally:
        with suppress(RuntimeError):
            dist.destroy_process_group()
