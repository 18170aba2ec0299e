"""Processes of a team find each other, also from several machines."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from sracl_core.cli import processes
from sracl_core.errors import InputError, TeamError
from sracl_core.meeting import joined, rank_told, size_told

FIRST = "10.77.0.1"


@pytest.fixture
def two_hosts() -> Iterator[list[str]]:
    """Two network namespaces with a cable between them: to torch two machines."""
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("network namespaces need root and iproute2")
    hosts = [f"sracl-{os.getpid()}-{number}" for number in range(2)]
    steps = [f"ip netns add {host}" for host in hosts]
    steps.append(f"ip link add road0 netns {hosts[0]} type veth peer name road1 netns {hosts[1]}")
    for number, host in enumerate(hosts):
        steps += [f"ip -n {host} link set lo up", f"ip -n {host} link set road{number} up"]
        steps.append(f"ip -n {host} addr add 10.77.0.{number + 1}/24 dev road{number}")
    try:
        for step in steps:
            if subprocess.run(step.split(), capture_output=True).returncode:
                pytest.skip(f"no network namespaces here: {step} failed")
        yield hosts
    finally:
        for host in hosts:
            subprocess.run(["ip", "netns", "del", host], capture_output=True)


def test_two_machines_meet_though_the_first_knows_its_own_name_by_a_loopback(two_hosts: list[str]) -> None:
    """As most machines do; gloo by itself would listen there, where the other does not come."""
    member = """
import os, numpy as np
from sracl_core.meeting import joined
with joined() as team:
    print(team.total(np.array([team.rank + 1])), os.environ["GLOO_SOCKET_IFNAME"], flush=True)
"""
    met = []
    for rank, (host, place) in enumerate(zip(two_hosts, ["127.0.0.1", FIRST], strict=True)):
        told = {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": place, "MASTER_PORT": "29500"}
        command = ["ip", "netns", "exec", host, sys.executable, "-c", member]
        met.append(subprocess.Popen(command, env={**os.environ, **told}, stdout=subprocess.PIPE, text=True))
    assert [one.communicate(timeout=200)[0].split() for one in met] == [["[3]", "road0"], ["[3]", "road1"]]


@pytest.mark.parametrize(("name", "value"), [("WORLD_SIZE", "two"), ("WORLD_SIZE", "0"), ("RANK", "7")])
def test_what_the_environment_tells_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f"{name} is '{value}'"):
        size_told(), rank_told()


def test_a_port_in_use_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        told = {"WORLD_SIZE": 2, "RANK": 0, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        for name, value in told.items():
            monkeypatch.setenv(name, str(value))
        with (
            pytest.raises(TeamError, match=f"the port of 127.0.0.1:{port} is in use; set MASTER_PORT"),
            joined(),
        ):
            pass


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (-9, "was ended by SIGKILL, and .*; do it again$"),
        (2, "was ended, and .* with it: error: no such file$"),
    ],
)
def test_who_ended_while_the_first_waited_is_told_with_its_words(
    monkeypatch: pytest.MonkeyPatch, code: int, told: str
) -> None:
    monkeypatch.setattr(processes, "ENDING_SECONDS", 0.0)
    team: Any = [SimpleNamespace(poll=lambda: None), SimpleNamespace(poll=lambda: code)]
    said = io.BytesIO(b"reading\nerror: no such file\n")
    with pytest.raises(TeamError, match=f"process 1 of 2 {told}"):
        processes._outcome(team, [said], "do it again")
