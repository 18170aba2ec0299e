"""An assistant asks over stdio, by the protocol's own client."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters

from sracl_core.explorer.loading import LoadedRun
from sracl_core.files import read_json, write_json
from sracl_core.service.answering import Answers, Asked
from sracl_core.service.exported import open_export
from sracl_core.service.exporting import export_run
from tests.trained import ROOT


def test_an_assistant_asks_what_the_service_is_asked(loaded: LoadedRun, tmp_path: Path) -> None:
    live = tmp_path / "live"
    export_run(loaded, live)
    answers, ids = Answers(open_export(live)), loaded.dataset.items.ids
    history = [ids[3], ids[8]]
    words = ["-m", "sracl_core.cli.main", "mcp", str(live)]
    server = StdioServerParameters(
        command=sys.executable, args=words, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )

    async def talk() -> dict[str, Any]:
        async with Client(server) as client:
            tools = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
            asked = [
                ("recommend", {"history": history, "k": 4, "rules": {"at_most": "1:category"}}),
                ("neighbors", {"item": ids[3], "k": 3}),
                ("items", {"query": "tea", "k": 2}),
                ("recommend", {"history": history, "rules": {"only": ["brnd=x"]}}),
                ("recommend", {"history": history, "rules": {"at_most": "2"}}),
                ("recommend", {"history": history, "k": 0}),
                ("neighbors", {"item": "nothing"}),
                ("neighbors", {"item": ids[3].upper()}),
                ("recommend", {"history": history, "limit": 3}),
                ("items", {"query": "tea", "k": True}),
                ("items", {"query": "x" * 1001}),
                ("recommend", {"user": "null"}),
                ("recomend", {}),
            ]
            found = [await client.call_tool(name, arguments) for name, arguments in asked]
            as_text = await client.call_tool("recommend", {"history": json.dumps(history), "k": 4})
            at_once = [client.call_tool("recommend", {"history": history, "k": k}) for k in range(1, 9)]
            lengths = [len(one.structured_content["items"]) for one in await asyncio.gather(*at_once)]
            about = read_json(live / "export.json") or {}
            write_json(live / "export.json", {**about, "run": "newer"}, seal=True)
            newer = await client.call_tool("health", {})
            (live / "export.json").write_text("{")
            damaged = await client.call_tool("health", {})
            return {
                "tools": tools,
                "found": found,
                "as_text": as_text,
                "lengths": lengths,
                "newer": newer,
                "damaged": damaged,
            }

    told = asyncio.run(talk())
    assert told["tools"].keys() == {"recommend", "neighbors", "items", "similar_text", "health"}
    # A choice of forms at the top is refused by some assistants' own services.
    assert not any("oneOf" in schema for schema in told["tools"].values())
    recommended, near, named, *refused = told["found"]
    expected = answers.recommend(
        Asked.model_validate({"history": history, "k": 4, "rules": {"at_most": "1:category"}})
    )
    assert recommended.structured_content == expected
    assert near.structured_content == answers.neighbors(ids[3], 3)
    assert named.structured_content == answers.items("tea", 2)
    for wrong, said in zip(
        refused,
        (
            "the items have no column 'brnd'; did you mean 'brand'?",
            "at_most is '2'; give N:COLUMN, such as 2:category",
            "k: Input should be greater than or equal to 1",
            "there is no item 'nothing'",
            f"there is no item '{ids[3].upper()}'; did you mean '{ids[3]}'?",
            "limit: Extra inputs are not permitted",
            "k: Input should be a valid integer",
            "query: String should have at most 1000 characters",
            "an export knows no users; give a history, or serve the run itself",
            "there is no tool 'recomend'; did you mean 'recommend'?",
        ),
        strict=True,
    ):
        assert wrong.is_error
        assert wrong.content[0].text.startswith(said)
        assert "\n" not in wrong.content[0].text
    assert told["as_text"].structured_content == answers.recommend(Asked(history=history, k=4))
    assert told["lengths"] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert told["newer"].structured_content["model"] == "newer"
    assert told["damaged"].structured_content["model"] == "newer"
