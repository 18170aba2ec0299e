"""Commands that are killed, whose disk fills up, and that run twice at once: nothing is lost, nothing wrong.

Right is what the command makes of its world when nothing happens to it, to the last bit. `make soak` tries
more, with other seeds.
"""

from __future__ import annotations

import errno
import random
import signal
from collections import Counter

import pytest

from tests.reliability.figures import SEED, note, tried
from tests.reliability.jobs import JOBS, Bench
from tests.reliability.zygote import Command, Ended

KILLS, TWICE = tried("KILLS"), tried("TWICE")
QUICK = ("prepare over another", "train", "export model")
FULL = {errno.ENOSPC: "no space is left on the disk", errno.EROFS: "read-only", errno.EACCES: "permission"}
some = pytest.mark.parametrize("name", JOBS if KILLS else QUICK)


def in_one_line(ended: Ended) -> str:
    """The error of a command that ended with one."""
    (line,) = [line for line in ended.err.splitlines() if line.startswith(("error: ", "interrupted: "))]
    assert "Traceback" not in ended.err
    assert "unexpected" not in line, line
    return line


@some
def test_killed_at_any_moment_it_can_go_on(shop: Bench, name: str) -> None:
    job, rng, outcomes = JOBS[name], random.Random(f"{SEED} {name}"), Counter[str]()
    right, whole = shop.right(job)
    while outcomes["killed"] < (KILLS // len(JOBS) + 1 if KILLS else 2):
        shop.lay_out(job.template)
        at_write = outcomes["killed"] % 2 == 0
        when = rng.randint(1, whole.writes) if at_write else rng.uniform(0.01, whole.seconds)
        paid = sum(shop.servers.paid().values())
        words = job.words(shop.servers)
        ended = shop.zygote.run(*words, **{"kill_at" if at_write else "kill_after": when})
        assert ended.code in (0, -signal.SIGKILL), ended
        outcomes["killed" if ended.code else "ended before"] += 1
        assert shop.goes_on(job) == right, f"killed at {when} of {whole.writes or whole.seconds}"
        assert not shop.left_behind(), f"killed at {when}"
        # What was in flight is paid twice.
        assert sum(shop.servers.paid().values()) - paid <= 40 + 4
        note("kills", name, outcomes)


@some
@pytest.mark.parametrize("number", FULL if KILLS else [errno.ENOSPC], ids=errno.errorcode.get)
def test_every_write_may_fail(shop: Bench, name: str, number: int) -> None:
    job, rng, outcomes = JOBS[name], random.Random(f"{SEED} {name}"), Counter[str]()
    right, whole = shop.right(job)
    places = range(1, whole.writes + 1)
    for at in rng.sample(places, min(len(places), tried("WRITES") or 2)):
        shop.lay_out(job.template)
        ended = shop.zygote.run(*job.words(shop.servers), fail_at=at, fails=number)
        if ended.code == 0:
            # What was to be written is only a help, as a heartbeat is, and the result is whole.
            assert job.result(shop.world) == right, f"write {at}"
            outcomes["done nevertheless"] += 1
        else:
            assert FULL[number] in in_one_line(ended), f"write {at}: {ended}"
            outcomes["told"] += 1
        assert shop.goes_on(job) == right, f"write {at}"
        assert not shop.left_behind(), f"write {at}"
        note(f"every write fails from one on: {errno.errorcode[number]}", name, outcomes)


@some
def test_two_at_once(shop: Bench, name: str) -> None:
    job, outcomes = JOBS[name], Counter[str]()
    right, _ = shop.right(job)
    for _ in range(TWICE or 1):
        shop.lay_out(job.template)
        words = job.words(shop.servers)
        both = shop.zygote.at_once(Command(words), Command(words))
        for ended in both:
            if ended.code:
                in_one_line(ended)
            outcomes["refused" if ended.code else "done"] += 1
        assert any(ended.code == 0 for ended in both), both
        found = job.result(shop.world)
        if name.startswith("train") or name == "compare":
            found, twice = found[: len(right)], found[len(right) :]
            assert twice in ([], right)
        assert found == right
        assert not shop.left_behind()
        note("two at once", name, outcomes)
