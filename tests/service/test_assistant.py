"""An assistant asks over stdio, by the protocol's own client."""

from __future__ import annotations

import asyncio
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
            tools = {tool.name for tool in (await client.list_tools()).tools}
            asked = [
                ("recommend", {"history": history, "k": 4, "rules": {"at_most": "1:category"}}),
                ("neighbors", {"item": ids[3], "k": 3}),
                ("items", {"query": "tea", "k": 2}),
                ("recommend", {"history": history, "rules": {"only": ["brnd=x"]}}),
                ("recommend", {"history": history, "k": 0}),
                ("neighbors", {"item": "nothing"}),
            ]
            found = [await client.call_tool(name, arguments) for name, arguments in asked]
            about = read_json(live / "export.json") or {}
            write_json(live / "export.json", {**about, "run": "newer"}, seal=True)
            newer = await client.call_tool("health", {})
            return {"tools": tools, "found": found, "newer": newer}

    told = asyncio.run(talk())
    assert told["tools"] == {"recommend", "neighbors", "items", "similar_text", "health"}
    recommended, near, named, column, count, unknown = told["found"]
    expected = answers.recommend(
        Asked.model_validate({"history": history, "k": 4, "rules": {"at_most": "1:category"}})
    )
    assert recommended.structured_content == expected
    assert near.structured_content == answers.neighbors(ids[3], 3)
    assert named.structured_content == answers.items("tea", 2)
    for wrong, said in (
        (column, "did you mean 'brand'"),
        (count, "greater than or equal to 1"),
        (unknown, "no item"),
    ):
        assert wrong.is_error
        assert said in wrong.content[0].text
    assert told["newer"].structured_content["model"] == "newer"
