"""Names that terminals and markup obey, and run directories that damage, other tools or malice left."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

MARK = "⟦x⟧"
"""Stands in every hostile text, so that a test can find it wherever it ends up."""

NAMES = {
    "brackets": f"clicks [k=5, min=3] {MARK}",
    "closing": f"[/] closing {MARK}",
    "markup": f"Drama [DVD] [bold red]{MARK}[/x]",
    "action": f"[@click=app.quit]{MARK}",
    "escape": f"my \x1b[31mshop {MARK}",
    "clipboard": f"\x1b]52;c;aGk=\x07{MARK}",
    "lines": f"{MARK} one\ntwo\tthree\r",
    "bidi": f"\u202egnp.{MARK}\u2066",
    "c1": f"\x9b31m{MARK}\x9d0;t\x9c",
}

Spoil = Callable[[Path], None]


def _writes(name: str, content: bytes | str) -> Spoil:
    data = content.encode() if isinstance(content, str) else content
    return lambda run: (run / name).write_bytes(data) and None


def _appends(*records: object) -> Spoil:
    lines = "".join(f"{record if isinstance(record, str) else json.dumps(record)}\n" for record in records)

    def append(run: Path) -> None:
        with (run / "metrics.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(lines)

    return append


def _sets(name: str, **values: object) -> Spoil:
    def change(run: Path) -> None:
        path = run / name
        found = json.loads(path.read_text())
        found.pop("sha256", None)  # whoever changes a file may seal it as well
        path.write_text(json.dumps({**found, **values}))

    return change


STEP = {"event": "step", "step": 1, "epoch": 0, "loss": 1.0}
DEEP = "[" * 100_000
ALIASES = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
ODD: dict[str, Spoil] = {
    "step that is a text": _appends({"event": "step", "step": "x", "loss": None}),
    "step that is huge": _appends('{"event":"step","step":' + "9" * 400 + ',"loss":1}'),
    "loss that is huge": _appends({**STEP, "loss": 10**400}),
    "loss that is a list": _appends({**STEP, "loss": [1], "mine": {}}),
    "a thousand losses": _appends({**STEP, **{f"part{n}": 1.0 for n in range(1000)}}),
    "epoch that is a text": _appends({"event": "epoch", "epoch": "x", "valid": 3}),
    "epoch with odd metrics": _appends(
        STEP,
        {"event": "epoch", "epoch": 0, "best": True, "valid": {"unmasked": [1]}},
        {"event": "epoch", "epoch": 1, "best": "yes", "valid": {"unmasked": {"NDCG@20": "x", "@": 1.0}}},
    ),
    "stage that is a table": _appends({"event": "stage", "stage": {}, "status": []}),
    "progress of nothing": _appends({"event": "progress", "stage": "embed", "done": "a", "total": 0}),
    "odd plateau": _appends({"event": "plateau", "patience": [], "epochs_without_gain": "x"}),
    "odd message": _appends({"event": "message", "level": 3, "text": ["[/x]"]}),
    "resumed at a text": _appends({"event": "run_resumed", "step": "x"}),
    "deep metrics": _appends(DEEP),
    "event that is a list": _appends({"event": []}),
    "results of a number": _writes("results.json", '{"test": 3, "valid": [], "seconds": "x"}'),
    "results of texts": _writes("results.json", '{"test": {"unmasked": {"NDCG@20": "x"}, "masked": 3}}'),
    "results that are a list": _writes("results.json", "[]"),
    "deep results": _writes("results.json", DEEP),
    "protocol of a number": _sets("meta.json", protocol=3, headline=[], parts=4, argv="x"),
    "empty dataset section": _writes("config.yaml", "dataset:\nmodel: 3\n"),
    "settings of other types": _writes(
        "config.yaml", "training: {max_epochs: x, seed: []}\nmodel: {name: [1]}\ndataset: {path: {}}\n"
    ),
    "settings that are a list": _writes("config.yaml", "- a\n"),
    "deep settings": _writes("config.yaml", DEEP),
    "aliases": _writes("config.yaml", ALIASES),
    "settings of rubbish": _writes("config.yaml", b"\x00\xff\xfe: ["),
    "heartbeat that is a text": _sets("state.json", heartbeat="now"),
    "state of other types": _sets(
        "state.json", pid="x", status=[], epoch="x", step=[], total_steps="x", best_valid=3, eta_seconds="x"
    ),
    "state of NaN": _writes(
        "state.json", '{"status": "running", "pid": NaN, "heartbeat": Infinity, "epoch": 1e999}'
    ),
    "state that is a list": _writes("state.json", "[1]"),
    "deep state": _writes("state.json", DEEP),
    "created at a text": _sets("meta.json", created="x", dataset=[1], seed="x"),
    "format of the future": _sets("meta.json", format_version=99),
    "meta of nothing": _writes("meta.json", ""),
    "deep meta": _writes("meta.json", DEEP),
    "log of rubbish": _writes("log.txt", b"\xff\x1b[31m[/x]\x00\n"),
    "dataset with a hostile name": _sets("meta.json", dataset={"name": NAMES["markup"] + NAMES["escape"]}),
    "hostile error": _sets("state.json", status="failed", error=NAMES["markup"] + NAMES["lines"]),
    "hostile part": _appends({**STEP, NAMES["markup"]: 0.5, NAMES["escape"]: 0.2}),
}
