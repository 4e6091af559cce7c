"""Figures as files of their own, for ``snakemake --report`` and for slides: the same drawings as on the page."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ichor.report import agreement, flow, flow_chart, inputs, montage, names, palette, performance, volume_plots
from ichor.report import task_figures as drawn
from ichor.report.palette import Look
from ichor.report.svg import Canvas, note, stack, text_width


@dataclass(frozen=True)
class Drawn:
    """What the figures are drawn from."""

    data: dict[str, pd.DataFrame]
    looks: dict[tuple[str, str], Look]
    cases: Sequence[montage.Case]
    simulated: bool


def write_figures(
    out_dir: Path,
    tables: Mapping[str, inputs.TableLike],
    *,
    study: Mapping[str, object],
    models: Mapping[str, Mapping[str, Mapping[str, object]]] | None = None,
    cases: Sequence[montage.Case] = (),
) -> list[Path]:
    """Write every figure of `FIGURES` as ``<name>.svg``; one without data says so in words.

    Parameters
    ----------
    out_dir : Path
        Folder; made when absent.
    tables : mapping
        As for `ichor.report.page.write_page`.
    study : mapping
        As for the page; ``simulated`` says whether to stamp the figures.
    models : mapping, optional
        Section ``models`` of the config.
    cases : sequence of Case
        Example scans.

    Returns
    -------
    list of Path
        The files, in the order of `FIGURES`; always all of them.
    """
    data = inputs.load(tables)
    drawn_from = Drawn(data, palette.looks(data["metrics"], models), cases, bool(study["simulated"]))
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, draw in FIGURES.items():
        path = out_dir / f"{name}.svg"
        part = path.with_suffix(".svg.part")
        part.write_text(draw(drawn_from).render(alone=True) + "\n", encoding="utf-8", newline="\n")
        os.replace(part, path)
        paths.append(path)
    return paths


def _cohort_flow(study: Drawn) -> Canvas:
    frame = study.data["flow"]
    arranged = flow.arrange(frame, study.data["scans"]) if len(frame) else None
    if arranged is None:
        return note("No flow table was given.", simulated=study.simulated)
    return flow_chart.draw(arranged, simulated=study.simulated, width=drawn.WIDE)


def _segmentation_agreement(study: Drawn) -> Canvas:
    cases, summary = study.data["agreement_cases"], study.data["agreement"]
    split = agreement.main_split(summary)
    panels = []
    for label in [] if split is None else summary["label"].drop_duplicates():
        own = summary[(summary["split"] == split) & (summary["label"] == label)]
        of_split = cases[cases["split"] == split]
        if (of_split["label"] == label).any() and (own["n"] > 0).any():
            panels.append(agreement.draw_dice(of_split, own, label, simulated=study.simulated, width=362))
            panels.append(volume_plots.draw_volumes(of_split, own, label, simulated=study.simulated))
            panels.append(volume_plots.draw_bland_altman(of_split, label, simulated=study.simulated))
    if not panels:
        return note("No center brought reference masks to compare with.", simulated=study.simulated)
    return stack(panels, 3, f"Agreement of predicted with reference masks, split {split}. " + _said(panels))


def _segmentation_examples(study: Drawn) -> Canvas:
    if not study.cases:
        return note("No example scans were given.", simulated=study.simulated)
    panels = [montage.draw(case, simulated=study.simulated) for case in study.cases]
    return stack(panels, 3, "Example scans with predicted and reference outlines. " + _said(panels))


def _per_task(kind: str, columns: int, none: str) -> Callable[[Drawn], Canvas]:
    """Figure with a part for each task: heading, legend and the panels of one kind, first scheme."""

    def draw(study: Drawn) -> Canvas:
        parts = []
        for task, target in performance.questions(study.data["metrics"]):
            own, curves = (_of(study.data[table], task, target) for table in ("metrics", "curves"))
            looks = {key: look for key, look in study.looks.items() if key[0] == task and key[1] in set(own["model"])}
            scheme = performance.schemes(own)[0]
            figures = drawn.of_scheme(scheme, own, curves, looks, simulated=study.simulated)
            panels = getattr(figures, kind)
            panels = panels if isinstance(panels, list) else [panels] if panels else []
            if panels:
                title = f"{names.heading(task, target)}, {performance.describe(scheme)[0].lower()}"
                body = stack(panels, columns, title + ". " + _said(panels))
                parts.append(stack([_legend(title, looks, body.width, study.simulated), body], 1, body.label, gap=4))
        if not parts:
            return note(none, simulated=study.simulated)
        return stack(parts, 1, " ".join(part.label for part in parts), gap=10)

    return draw


def _reachable_signal(study: Drawn) -> Canvas:
    pairs = performance.questions(study.data["metrics"])
    of_pairs = [_of(study.data["metrics"], task, target) for task, target in pairs]
    panels = [p for own in of_pairs if (p := drawn.reachable(own, study.looks, simulated=study.simulated))]
    if not panels:
        return note("The true risk is known for simulated patients only.", simulated=study.simulated)
    return stack(panels, 1, _said(panels))


def _legend(title: str, looks: dict[tuple[str, str], Look], width: float, simulated: bool) -> Canvas:
    canvas = Canvas(width, 48, title, simulated=simulated)
    canvas.text(2, 16, title, "head")
    x, y = 2.0, 38.0
    for look in looks.values():
        if x + 42 + text_width(look.label) > width and x > 2:
            x, y, canvas.height = 2.0, y + 18, canvas.height + 18
        dash = f";stroke-dasharray:{look.dash}" if look.dash else ""
        canvas.line(x, y - 4, x + 28, y - 4, "", f"stroke:{look.color};stroke-width:2{dash}")
        canvas.marker(x + 14, y - 4, look.marker, look.color)
        canvas.text(x + 34, y, look.label)
        x += 56 + text_width(look.label)
    return canvas


def _said(panels: list[Canvas]) -> str:
    return " ".join(panel.label for panel in panels)


def _of(frame: pd.DataFrame, task: str, target: str) -> pd.DataFrame:
    return frame[(frame["task"] == task) & (frame["target"] == target)]


FIGURES: dict[str, Callable[[Drawn], Canvas]] = {
    "cohort_flow": _cohort_flow,
    "segmentation_agreement": _segmentation_agreement,
    "segmentation_examples": _segmentation_examples,
    "model_comparison": _per_task("forest", 1, "No predictions were evaluated."),
    "roc": _per_task("roc", 3, "No ROC curve could be drawn."),
    "calibration": _per_task("calibration", 3, "No calibration curve could be drawn."),
    "decision_curves": _per_task("utility", 3, "No decision curve could be drawn."),
    "reachable_signal": _reachable_signal,
}
