"""What a run says at its start of its dataset, and what it says when nothing can be learned or asked."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sracl_core.cli.main import run as main
from sracl_core.data.prepare import PrepareOptions, prepare
from sracl_core.data.sources import load_sources
from sracl_core.errors import DataError
from sracl_core.evaluation.results import protocol, queries_of
from sracl_core.pipeline.caveats import caveats, on_repeats, on_size
from sracl_core.pipeline.estimate import plan
from sracl_core.pipeline.left import left_to_rank
from sracl_core.pipeline.new_run import new_run
from sracl_core.retrieval.neighbors import find_neighbors
from sracl_core.semantics.encode import TextEncoder
from sracl_core.semantics.template import template_texts
from sracl_core.settings.layers import load_config
from sracl_core.settings.models import RunConfig
from tests.tiny import hashed_words, tiny_config, tiny_run


def shop(folder: Path, rows: list[tuple[str, str, int]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["user_id,item_id,timestamp", *(f"{user},{item},{time}" for user, item, time in rows)]
    (folder / "log.csv").write_text("\n".join(lines) + "\n")
    prepare(folder / "log.csv", folder / "shop", PrepareOptions(k_core=1))
    return folder / "shop"


def config(folder: Path, **dataset: object) -> RunConfig:
    return RunConfig.model_validate({"dataset": {"path": str(folder), **dataset}})


def test_a_small_catalog_needs_no_flag(tmp_path: Path) -> None:
    folder = shop(
        tmp_path, [(f"u{user}", f"i{(user + time) % 6}", time) for user in range(9) for time in range(6)]
    )
    sources = load_sources(config(folder))
    empty = template_texts(sources.dataset).fallback_count
    said = caveats(config(folder), sources, {"items_without_text": empty})
    assert "retrieval.k 10: an item has 5 others, and no more are taken" in said
    assert any(line.startswith("no item has a text (of 6)") for line in said)
    import numpy as np

    vectors = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    assert find_neighbors(vectors, 10, config(folder).retrieval).ids.shape == (6, 5)


def test_what_makes_each_step_of_a_large_catalog_long_is_said_until_nothing_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sracl_core.pipeline.caveats.LAZY_ROWS", 6)
    folder = shop(
        tmp_path, [(f"u{user}", f"i{(user + time) % 6}", time) for user in range(9) for time in range(6)]
    )
    sets = [f"dataset.path={folder}"]
    advised = []
    for _ in range(3):
        settings, _ = load_config(preset="fast", sets=sets)
        said = [line for line in on_size(settings, load_sources(settings)) if "at each step" in line]
        if not said:
            break
        advised.append(re.findall(r"--set (\S+)", said[0])[0])
        sets = [*sets, advised[-1], "objectives.next_item.negatives=5"]
    assert advised == ["objectives.next_item.loss=sampled", "model.item_anchor=0"]
    assert not settings.why_dense
    wanted, _ = load_config(
        preset="fast", sets=[*sets, "model.item_anchor=0.001", "training.item_adam=dense"]
    )
    assert not [line for line in on_size(wanted, load_sources(wanted)) if "at each step" in line]


def test_that_people_buy_again_is_said_with_how_to_read_it(tmp_path: Path) -> None:
    """Of ten users the last item but one is an old one of theirs with four."""
    rows = [(f"u{user}", f"i{(user + time) % 12}", time) for user in range(10) for time in range(6)]
    rows += [(f"u{user}", f"i{user if user < 4 else (user + 7) % 12}", 6) for user in range(10)]
    rows += [(f"u{user}", f"i{(user + 8) % 12}", 7) for user in range(10)]
    again = config(shop(tmp_path / "again", rows))
    (said,) = on_repeats(again, load_sources(again))
    assert said.startswith("40% of the items held out for validation are in the history before them")
    (hint,) = re.findall(r"a training with --set (\S+) reads how often", said)
    followed, _ = load_config(sets=[f"dataset.path={again.dataset.path}", hint])
    assert followed.model.reach > 2**30
    assert "--set" not in on_repeats(followed, load_sources(followed))[0]
    cannot = again.model_copy(update={"training": again.training.model_copy(update={"shard_items": True})})
    assert "--set" not in on_repeats(cannot, load_sources(cannot))[0]
    once = [row for row in rows if row[2] != 6]
    never = config(shop(tmp_path / "once", once))
    assert on_repeats(never, load_sources(never)) == []


def test_ties_are_said_in_a_run(tmp_path: Path) -> None:
    folder = shop(
        tmp_path, [(f"u{user}", f"i{item:02}", item // 6) for user in range(9) for item in range(12)]
    )
    said = caveats(config(folder), load_sources(config(folder)), {})
    assert any("108 interactions (100.0%) share their user's time" in line for line in said)


def test_of_many_users_the_same_ones_are_validated_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shop(
        tmp_path, [(f"u{user}", f"i{(user + time) % 7}", time) for user in range(30) for time in range(5)]
    )
    sources = load_sources(config(folder))

    def drawn(most: int, part: str = "valid") -> list[int]:
        told = RunConfig.model_validate({"evaluation": {"valid_users": most}})
        return queries_of(told, sources, part, 50).users.tolist()

    assert len(drawn(11)) == len(set(drawn(11))) == 11
    assert drawn(11) == sorted(drawn(11))
    assert drawn(0) == drawn(30) == drawn(100_000) == sources.split.valid_users.tolist()
    assert len(drawn(11, "test")) == 30
    few = RunConfig.model_validate(
        {
            "dataset": {"path": str(folder)},
            "evaluation": {"valid_users": 11},
            "objectives": {"sracl": {"weight": 0.0}},
        }
    )
    monkeypatch.setattr("sracl_core.pipeline.caveats.LAZY_ROWS", 7)
    said = caveats(few, sources, {})
    assert any(line.startswith("validation ranks 11 of 30 users") for line in said)
    assert any("the softmax reads all 7 items" in line for line in said)
    assert protocol(few, sources)["valid_users"] == 11
    assert list(plan(few, tmp_path).remarks) == said[1:]
    counted = {
        "dataset": {"path": str(folder)},
        "evaluation": {"valid_users": 11},
        "model": {"name": "popular"},
    }
    run = new_run(RunConfig.model_validate(counted), tmp_path / "runs", "counted")
    assert left_to_rank(run).valid_users == 11
    followed = {"dataset": {"path": str(folder)}, "objectives": {"next_item": {"loss": "sampled"}}}
    assert not any("softmax" in line for line in caveats(RunConfig.model_validate(followed), sources, {}))


def test_a_split_that_nothing_can_mend_asks_for_another_log(tmp_path: Path) -> None:
    folder = shop(tmp_path, [(f"u{user}", f"i{time}", time) for user in range(9) for time in range(3)])
    with pytest.raises(DataError, match=r"longest history has 3 interactions, and 4 are needed"):
        load_sources(config(folder))
    folder = shop(tmp_path, [(f"u{user}", f"i{time}", time) for user in range(9) for time in range(4)])
    assert len(load_sources(config(folder)).prefixes) == 9


def test_a_split_by_date_of_one_time_names_one_that_works(tmp_path: Path) -> None:
    folder = shop(tmp_path, [(f"u{user}", f"i{item}", 7) for user in range(9) for item in range(5)])
    with pytest.raises(DataError, match=r"all interactions have one time.*dataset.split=leave_one_out"):
        load_sources(config(folder, split="temporal"))
    assert len(load_sources(config(folder, split="leave_one_out")).split.test_users) == 9


def test_what_was_said_outlasts_the_log_and_neighbors_say_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(TextEncoder, "encode", hashed_words)
    folder = shop(
        tmp_path, [(f"u{user}", f"i{(user + time) % 6}", time // 2) for user in range(9) for time in range(6)]
    )
    run = tiny_run(tiny_config(folder, {"training.max_epochs": 1}), tmp_path / "runs", "said")
    said = json.loads(run.meta_path.read_text())["caveats"]
    assert len(said) == 2
    assert any("share their user's time" in line for line in said)
    capsys.readouterr()
    for command in (["runs", "show"], ["evaluate"]):
        assert main([*command, str(run.path)]) == 0
        assert capsys.readouterr().out.splitlines()[-2:] == [f"note: {line}" for line in said]
    assert main(["neighbors", str(run.path), "--item", "i1"]) == 0
    assert "note: no item has a text (of 6)" in capsys.readouterr().err
