"""What a run is and how far it has come: name, state, stages, time left, headline figures."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from sracl_core.methods import floors
from sracl_core.progress import duration
from sracl_core.runs.records import headline_name, headline_of, is_number, metric
from sracl_core.words import counted
from sracl_tui.content import Content, TextualContent, doing, in_parts
from sracl_tui.glyphs import RUN_GLYPHS, bar, rest
from sracl_tui.screens.train.flow_line import Flow, FlowLine
from sracl_tui.view_models import RunSnapshot, present_stage, short_name, stage_views, value, whole
from sracl_tui.widgets.plain import Static
from sracl_tui.widgets.quiet import put

STAGE_SIGNS = {"done": ("✓", "$success"), "now": ("▸", "bold $primary"), "next": ("·", "$muted")}
BAR_WIDTH = 16
OF_TEXTS = ("describe", "embed")


class RunHeader(Vertical):
    """Stands still while the charts move. What has no room beside the rest goes to a line of its own."""

    def compose(self) -> ComposeResult:
        """Identity, stages, figures, result."""
        yield Static("", id="run-identity")
        yield Flow("", id="run-stages")
        yield Flow("", id="run-figures")
        yield Flow("", id="run-result")

    def show(self, snapshot: RunSnapshot) -> None:
        put(self.query_one("#run-identity", Static), identity(snapshot), may_grow=False)
        self.query_one("#run-stages", Flow).put(stages(snapshot))
        self.query_one("#run-figures", Flow).put(figures(snapshot))
        said = self.query_one("#run-result", Flow)
        said.display = bool(snapshot.results)
        said.put(result(snapshot))


def identity(snapshot: RunSnapshot) -> TextualContent:
    """State, name, dataset, backbone, seed."""
    sign, color = RUN_GLYPHS.get(snapshot.status, RUN_GLYPHS["unknown"])
    dataset = snapshot.meta.get("dataset")
    name = dataset.get("name") if isinstance(dataset, dict) else dataset
    facts = [str(name or "dataset unknown"), str(value(snapshot, "model.name") or "")]
    facts += [f"seed {value(snapshot, 'training.seed')}", str(snapshot.meta.get("device") or "")]
    asked = snapshot.status == "finished" and value(snapshot, "model.name") not in floors()
    explored = doing("app.go('explore')", Content.styled(" · F4 explores it", "$muted")) if asked else ""
    said = Content.assemble(
        (f"{sign} {snapshot.status}", f"bold {color}"),
        "  ",
        (short_name(snapshot.name), "bold"),
        ("  " + " · ".join(fact for fact in facts if fact), "$muted"),
        explored,
    )
    return in_parts(said)


def stages(snapshot: RunSnapshot) -> FlowLine:
    """The stages in a row; the one under way with a bar and the time left."""
    parts: list[Content] = []
    for view in stage_views(snapshot):
        sign, style = STAGE_SIGNS[view.state]
        text = Content.assemble((f"{sign} ", style), (view.name, style if view.state == "now" else ""))
        if view.state == "now":
            share = view.share
            if share is not None:
                text += Content.assemble(
                    " ",
                    (bar(share, BAR_WIDTH), "$primary"),
                    (rest(share, BAR_WIDTH), "$border"),
                    f" {share:.0%}",
                )
        parts.append(text)
    return FlowLine(parts)


def figures(snapshot: RunSnapshot) -> FlowLine:
    """Epoch, time left, best epoch, speed: what one looks for first."""
    parts: list[tuple[str, str]] = []
    epoch, most = snapshot.state.get("epoch"), whole(value(snapshot, "training.max_epochs"))
    if isinstance(epoch, int):
        parts.append(("epoch", f"{epoch + 1} of {most}" if most else f"{epoch + 1}"))
    if snapshot.live:
        parts.append(("left", _left(snapshot)))
        parts += [("done", texts)] if (texts := _texts(snapshot)) else []
    best = next((record for record in reversed(snapshot.epochs) if record.get("best")), None)
    headline = headline_of(snapshot.meta)
    score = metric((best or {}).get("valid"), headline)
    if best is not None and score is not None:
        parts.append((f"best valid {headline_name(headline)}", f"{score:.4f} (epoch {best['epoch'] + 1})"))
    speed = snapshot.steps.get("prefixes_per_second")
    if snapshot.live and speed:
        parts.append(("speed", f"{speed[-1]:,.0f} examples/s"))
    if snapshot.live and (used := _used(snapshot)):
        parts.append(("uses", used))
    seconds = (snapshot.results or {}).get("training_seconds")
    if seconds:
        parts.append(("trained", duration(seconds)))
    if not parts and snapshot.status == "stopped":
        return FlowLine([Content.styled("no step was taken", "$muted")])
    if not parts:
        return FlowLine([Content.styled("figures come with the first steps", "$muted")])
    cells = [Content.assemble((f"{name} ", "$muted"), (text, "bold")) for name, text in parts]
    return FlowLine(cells, between="   ")


def result(snapshot: RunSnapshot) -> FlowLine:
    """The test figures in both readings: seen items compete (unmasked) or do not (masked)."""
    test = (snapshot.results or {}).get("test") or {}
    name = headline_of(snapshot.meta).partition("/")[2]
    cutoff = name.partition("@")[2]
    cells = []
    for masking, found in test.items():
        # The headline, and one more metric at the same cut-off.
        named = [name, *(other for other in found if other.partition("@")[2] == cutoff and other != name)][:2]
        told = " ".join(f"{other} {found[other]:.4f}" for other in named if other in found)
        if told:
            cells.append(Content.assemble((f"{masking} ", "$muted"), (told, "bold")))
    if not cells:
        cells = [Content.styled("not looked at, as this is a trial; `sracl evaluate` does", "$muted")]
    return FlowLine([Content.styled("test ", "$muted") + cell for cell in cells[:1]] + cells[1:])


def _texts(snapshot: RunSnapshot) -> str:
    """How many texts are written or encoded, of how many, and how fast; "" in other stages."""
    stage, state = present_stage(snapshot), snapshot.state
    done, total, eta = (state.get(name) for name in ("done", "total", "eta_seconds"))
    if stage not in OF_TEXTS or stage != state.get("stage") or whole(total) is None or not is_number(done):
        return ""
    speed = f", {(total - done) / eta:,.0f} a second" if is_number(eta) and eta > 0 else ""
    return f"{done:,} of {counted(total, 'text')}{speed}"


def _used(snapshot: RunSnapshot) -> str:
    """What a run at work takes of this machine; of several processes how many there are, and are here."""
    usage, processes = snapshot.usage, whole(snapshot.state.get("processes")) or 1
    told = [f"{processes} processes"] if processes > 1 else []
    if usage is not None:
        here = f" (of {usage.processes} here)" if usage.processes < processes else ""
        told += [f"{usage.cores:.1f} cores", f"{usage.memory >> 20:,} MiB{here}"]
    return ", ".join(told)


def _left(snapshot: RunSnapshot) -> str:
    stage, eta = present_stage(snapshot), snapshot.state.get("eta_seconds")
    lagging = stage != snapshot.state.get("stage")
    if eta is None or lagging:
        return "measuring"
    if stage != "train":
        return f"{present_stage(snapshot)} {duration(eta)}"
    epoch = snapshot.state.get("epoch_eta_seconds")
    this = f", this epoch {duration(epoch)}" if epoch is not None else ""
    return f"at most {duration(eta)}{this}"
