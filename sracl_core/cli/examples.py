"""Two or three lines under each command's help that can be typed as they stand."""

from __future__ import annotations

from typing import Any

EXAMPLES: dict[str, tuple[str, ...]] = {
    "train": (
        "sracl train data/beauty --preset fast",
        "sracl train data/beauty --set model.hidden_size=128 --epochs 10",
        "sracl train data/beauty --preset best --dry-run",
    ),
    "resume": ("sracl resume last", "sracl resume last --epochs 20"),
    "stop": ("sracl stop last", "sracl stop last --wait 60"),
    "ablate": (
        "sracl ablate data/beauty --variants full,no_inter,no_intra",
        "sracl ablate data/beauty --seeds 1,2,3 --dry-run",
    ),
    "compare": (
        "sracl compare data/beauty --models sasrec,sasrec+sracl,gru4rec,item-kNN --seeds 3",
        "sracl compare data/beauty --models sasrec,duorec --budget-minutes 5 --format markdown",
    ),
    "tune": (
        "sracl tune data/beauty --model sasrec --trials 20",
        "sracl tune data/beauty --model sasrec+sracl --trials 50 --workers 2",
    ),
    "evaluate": ("sracl evaluate last", "sracl evaluate last --json"),
    "recommend": (
        "sracl recommend last --user A1YJEY40YUW4SE",
        "sracl recommend last --history B004756YJA,B0020YLEYK -k 20 --why",
        "sracl recommend last --all --out recs.parquet",
    ),
    "neighbors": ("sracl neighbors last --user A1YJEY40YUW4SE", "sracl neighbors last --item B004756YJA"),
    "explore": (
        "sracl explore last",
        'echo \'{"op": "info"}\' | sracl explore last --json-lines',
    ),
    "mcp": ("sracl mcp last", "sracl mcp live"),
    "monitor": ("sracl monitor last this-week.csv", "sracl monitor last week1.csv week2.csv --json"),
    "serve": ("sracl serve last", "SRACL_TOKEN=secret sracl serve live --host 0.0.0.0 --port 8000"),
    "demo": ("sracl demo", "sracl demo --epochs 2"),
    "doctor": ("sracl doctor", "sracl doctor --json"),
    "data prepare": (
        "sracl data prepare sample --out data/sample",
        "sracl data prepare purchases.csv --user-col customer --item-col sku --time-col day --out data/shop",
        "sracl data prepare ratings.csv --min-rating 4 --k-core 10 --out data/liked",
    ),
    "data look": ("sracl data look purchases.csv", "sracl data look purchases.csv --time-col day --json"),
    "data append": (
        "sracl data append data/shop today.csv --out data/shop-tonight",
        "sracl data append data/shop may.csv --out data/may",
    ),
    "data info": ("sracl data info data/sample", "sracl data info data/sample --preview 5"),
    "data list": ("sracl data list", "sracl data list --json"),
    "data fetch": (
        "sracl data fetch ml-latest-small",
        "sracl data fetch amazon-beauty --raw-dir raw",
    ),
    "data export": (
        "sracl data export data/beauty --out atomic --format recbole",
        "sracl data export data/beauty --out rows --format csv",
    ),
    "describe run": (
        "sracl describe data/beauty --what items --model gpt-4o-mini --limit 100 --dry-run",
        "sracl describe data/beauty --what users --model llama3 --base-url http://localhost:11434/v1",
    ),
    "describe status": ("sracl describe status", "sracl describe status --texts 3"),
    "embed": (
        "sracl embed data/beauty --dry-run",
        "sracl embed data/beauty --set semantics.users=titles",
    ),
    "runs show": ("sracl runs show last", "sracl runs show last --groups"),
    "runs plot": (
        "sracl runs plot last --what curves",
        "sracl runs plot fast best --what tail --out tail.png",
    ),
    "runs list": ("sracl runs list", "sracl runs list --sort NDCG@20 --last 10"),
    "runs board": ("sracl runs board", "sracl runs board --metric HR@10 --against fast"),
    "runs rename": ("sracl runs rename last wider", "sracl runs rename fast fast-before"),
    "runs note": ('sracl runs note last "the one that went live"', 'sracl runs note last ""'),
    "runs rm": ("sracl runs rm first-try", "sracl runs rm one two --yes"),
    "runs compare": ("sracl runs compare fast best", "sracl runs compare live tonight --refreshed"),
    "users": (
        "sracl users last --sort rank --reverse",
        "sracl users base --sort gain --against better -k 50",
    ),
    "items show": ("sracl items show last B004756YJA", "sracl items show last B004756YJA -k 10 --json"),
    "items map": ("sracl items map last", "sracl items map last --space model --json"),
    "items add": ("sracl items add last new.csv", "sracl items add last new.csv --lift 1.5"),
    "items list": ("sracl items list last", "sracl items list last --json"),
    "items remove": ("sracl items remove last B00NEW0001", "sracl items remove last --all"),
    "export onnx": ("sracl export last --out live", "sracl export onnx last --out live --json"),
    "export metrics": (
        "sracl export metrics last --out metrics.csv",
        "sracl export metrics last --out steps.csv --steps",
        "sracl export metrics last --to tensorboard --follow",
    ),
    "export model": ("sracl export model last --out model", "sracl export model fast --out fast-model"),
    "config show": ("sracl config show --preset fast --changed", "sracl config show --preset best --yaml"),
    "config validate": ("sracl config validate mine.yaml", "sracl config validate runs/fast/config.yaml"),
    "cache": ("sracl cache", "sracl cache --json"),
    "cache clear": ("sracl cache clear --dry-run", "sracl cache clear --needed --yes"),
}


def with_examples(command: Any, path: str = "") -> Any:
    """`command` with its examples under its help, and so what is below it; brackets are shown as they are."""
    for name, below in getattr(command, "commands", {}).items():
        with_examples(below, f"{path} {name}".strip())
    if lines := EXAMPLES.get(path):
        command.epilog = "\n\n".join(["For example:", *lines])
    if command.help:
        # Only blank lines end a line there: typer would keep the ends of the source's lines.
        command.help = "\n\n".join(" ".join(part.split()) for part in command.help.split("\n\n"))
    # typer's help is markup, in which an extra such as sracl-tui[plots] would vanish.
    for told in (command, *command.params):
        for name in ("help", "epilog"):
            if text := getattr(told, name, None):
                setattr(told, name, text.replace("[", r"\["))
    return command
