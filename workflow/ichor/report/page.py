"""The report: one HTML file that needs no other file and no network."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from ichor import __version__
from ichor.errors import StudyError
from ichor.report import (
    agreement,
    agreement_section,
    data_sources,
    deterioration_section,
    findings,
    flow,
    flow_chart,
    inputs,
    label_section,
    montage,
    names,
    numbers,
    palette,
    performance,
    quantities,
    set_aside,
    svg,
    synthesis_section,
    trajectory_section,
    used_bundle,
)
from ichor.report import table_frames as frames
from ichor.report import task_figures as drawn
from ichor.report.templates import TEMPLATES, anchor, environment


def write_page(
    out: Path,
    *,
    study: Mapping[str, object],
    tables: Mapping[str, inputs.TableLike],
    provenance: Mapping[str, object] | None = None,
    models: Mapping[str, Mapping[str, Mapping[str, object]]] | None = None,
    cases: Sequence[montage.Case] = (),
    growth_ml: float | None = None,
    expansion_definition: str = "standard",
    auc_alarm: float | None = None,
    sources: Sequence[Mapping[str, object]] = (),
    bundle: Mapping[str, object] | None = None,
    quality: Mapping[str, str] | None = None,
    synthetic_pages: Mapping[str, str] | None = None,
    explained: Sequence[Mapping[str, str]] = (),
    trajectory_page: str | None = None,
    deterioration: Mapping[str, object] | None = None,
) -> Path:
    """Write the report page.

    Parameters
    ----------
    out : Path
        The HTML file.
    study : mapping
        ``name``, ``title`` and ``simulated``; a simulated study is marked on the page and on every figure.
    tables : mapping
        Name -> DataFrame or path (or a list of them) of: status, patients, scans, splits, masks, cohort, metrics,
        comparisons, curves, flow, table_one, measures, agreement, agreement_groups, agreement_cases,
        label_sensitivity, worth, trajectory_performance, trajectory_counts. What is left out is said to be missing.
    provenance : mapping, optional
        What `ichor.provenance.collect` returns.
    models : mapping, optional
        Section ``models`` of the config: task -> name -> {kind, label}. Sets order and names of the models.
    cases : sequence of Case
        Example scans for the montage.
    growth_ml : float, optional
        Growth in mL that counts as expansion; limits of agreement are held against it.
    expansion_definition : str
        The configured definition of expansion.
    auc_alarm : float, optional
        External expansion AUC above which a leak is suspected (real patients only).
    sources : sequence of mapping
        Of `ichor.presets.sources`: public data sets, whose licences and citations the page gives.
    bundle : mapping, optional
        Of `ichor.segmentation.study_bundle.facts`: the trained segmentation that was used instead of training.
    quality : mapping, optional
        Center -> its quality page, relative to `out`.
    synthetic_pages : mapping, optional
        ``<generator>/<split>`` -> page of the synthetic cases, relative to `out`.
    explained : sequence of mapping
        Pages of attribution maps: ``task``, ``target``, ``model``, ``split`` and ``page``, relative to `out`.
    trajectory_page : str, optional
        Page of the time courses, relative to `out`.
    deterioration : mapping, optional
        ``page`` (relative to `out`), ``findings``, ``curves`` and ``rule`` of the page of the deterioration, see
        `ichor.report.deterioration_section.section`.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    StudyError
        If `study` lacks a key or a table lacks a column.
    """
    lacking = [key for key in ("name", "title", "simulated") if key not in study]
    if lacking:
        raise StudyError(f"the report needs study.{', study.'.join(lacking)}; write it in the config.")
    data = inputs.load(tables)
    looks = palette.looks(data["metrics"], models)
    context = _context(data, looks, bool(study["simulated"]))
    if len(data["label_sensitivity"]):
        place = [entry["id"] for entry in context["contents"]].index("reachable")
        context["contents"].insert(place, {"id": "labels", "title": "Expansion labels"})
    synthetic = synthesis_section.section(data["worth"], synthetic_pages)
    if synthetic:
        place = [entry["id"] for entry in context["contents"]].index("segmentation")
        context["contents"].insert(place + 1, {"id": "synthetic", "title": "Synthetic cases"})
    courses = trajectory_section.section(data, looks, trajectory_page, simulated=bool(study["simulated"]))
    if courses:
        place = [entry["id"] for entry in context["contents"]].index("reachable")
        context["contents"].insert(place, {"id": "trajectory", "title": courses["heading"]})
    public = data_sources.section(sources)
    if public:
        context["contents"].insert(2, {"id": "data", "title": "Data"})
    context |= {
        "labels_given": len(data["label_sensitivity"]) > 0,
        "labels": label_section.section(data["label_sensitivity"], looks, expansion_definition),
        "study": dict(study),
        "sources": public,
        "bundle": used_bundle.section(bundle),
        "quality": dict(quality or {}),
        "synthetic": synthetic,
        "courses": courses,
        "deteriorating": deterioration_section.section(**deterioration, simulated=bool(study["simulated"]))
        if deterioration
        else None,
        "explained": [
            dict(
                own,
                heading=names.heading(own["task"], own["target"]),
                name=names.MODELS.get(own["model"], own["model"]),
            )
            for own in explained
        ],
        "version": __version__,
        "findings": {
            "cohort": findings.cohort(data),
            "segmentation": findings.segmentation(data["agreement"], growth_ml),
            "models": findings.models(
                data["metrics"], data["comparisons"], looks, None if study["simulated"] else auc_alarm
            ),
        },
        "montage": [Markup(montage.draw(case, simulated=bool(study["simulated"])).render()) for case in cases],
        "provenance": frames.provenance(provenance),
        "css": Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        "svg_css": Markup(svg.RULES),
        "js": Markup((TEMPLATES / "page.js").read_text(encoding="utf-8")),
    }
    context["findings"]["models"] += [courses["key"]] if courses and courses["key"]["sentences"] else []
    text = environment().get_template("page.html.j2").render(context)
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_suffix(out.suffix + ".part")
    part.write_text(text.lstrip(), encoding="utf-8", newline="\n")
    os.replace(part, out)
    return out


def _context(data: dict[str, pd.DataFrame], looks: dict, simulated: bool) -> dict:
    tasks = _tasks(data, looks, simulated)
    return {
        "facts": _facts(data),
        "flow": _flow(data["flow"], data["scans"], simulated),
        "table_one": frames.table_one(data["table_one"]),
        "agreement": agreement_section.section(data, simulated),
        "measures": _measures(data["measures"]),
        "tasks": tasks,
        "reachable": _reachable(data["metrics"], looks, simulated),
        "aside": {"summary": set_aside.summary(data["status"]), "rows": set_aside.rows(data["status"])},
        "glossary": _glossary(data["metrics"]),
        "contents": _contents(tasks),
    }


def _contents(tasks: list[dict]) -> list[dict]:
    before = [
        ("findings", "Key findings"),
        ("flow", "Cohort flow"),
        ("patients", "Patients"),
        ("segmentation", "Segmentation"),
    ]
    after = [
        ("reachable", "Reachable signal"),
        ("set-aside", "Set aside"),
        ("glossary", "How to read it"),
        ("provenance", "Provenance"),
    ]
    middle = [(task["id"], task["heading"]) for task in tasks]
    return [{"id": key, "title": title} for key, title in [*before, *middle, *after]]


def _facts(data: dict[str, pd.DataFrame]) -> dict:
    scans, patients, metrics = data["scans"], data["patients"], data["metrics"]
    roles = patients.drop_duplicates("center")["center_role"].value_counts()
    centers = sorted({*scans["center"].unique(), *patients["center"].unique()})
    aside = data["status"][data["status"]["outcome"] == "set_aside"]
    pairs = performance.questions(metrics)
    over_time = ["survival over a time course"] if (metrics["task"] == names.COURSES).any() else []
    tiles = [
        ("Centers", numbers.count(len(centers))),
        ("of these external", numbers.count(roles.get("external", 0))),
        ("Patients", numbers.count(len(patients))),
        ("Scans accepted", numbers.count(len(scans))),
        ("Rows set aside", numbers.count(len(aside))),
        ("Models evaluated", numbers.count(len(metrics[["task", "model"]].drop_duplicates()))),
    ]
    return {
        "centers": numbers.count(len(centers)),
        "predicted": numbers.list_of([*dict.fromkeys(names.event(target) for _, target in pairs), *over_time])
        or "nothing yet",
        "tiles": [{"name": name, "value": value} for name, value in tiles],
    }


def _flow(frame: pd.DataFrame, scans: pd.DataFrame, simulated: bool) -> dict:
    arranged = flow.arrange(frame, scans) if len(frame) else None
    if arranged is None:
        return {"figures": None, "table": None, "split": ""}
    wide, narrow = (flow_chart.draw(arranged, simulated=simulated, width=w) for w in (drawn.WIDE, drawn.NARROW))
    return {
        "figures": {"wide": Markup(wide.render(css="wide-only")), "narrow": Markup(narrow.render(css="narrow-only"))},
        "table": frames.flow(frame, arranged.name),
        "split": arranged.name or "",
    }


def _measures(measures: pd.DataFrame) -> dict | None:
    """Which measures are known in the first split."""
    split = agreement.main_split(measures)
    if split is None:
        return None
    return {"split": split, "table": frames.availability(measures[measures["split"] == split])}


def _tasks(data: dict[str, pd.DataFrame], looks: dict, simulated: bool) -> list[dict]:
    out = []
    metrics = performance.with_threshold(data["metrics"])
    for task, target in performance.questions(metrics):
        own, curves, pairs = (_of(frame, task, target) for frame in (metrics, data["curves"], data["comparisons"]))
        of_task = {key: look for key, look in looks.items() if key[0] == task and key[1] in set(own["model"])}
        out.append(
            {
                "id": anchor(f"{task} {target}"),
                "heading": names.heading(task, target),
                "looks": list(of_task.values()),
                "schemes": [_scheme(name, own, curves, of_task, simulated) for name in performance.schemes(own)],
                "comparisons": performance.comparisons(pairs, of_task),
            }
        )
    return out


def _scheme(name: str, metrics: pd.DataFrame, curves: pd.DataFrame, looks: dict, simulated: bool) -> dict:
    groups = performance.groups(metrics, name)
    heading, explanation = performance.describe(name)
    return {
        "name": name,
        "heading": heading,
        "explanation": explanation,
        "figures": drawn.of_scheme(name, metrics, curves, looks, simulated=simulated),
        "calibrated": groups[0].heading if groups else "",
        "ranking": performance.table(groups, looks, quantities.RANKING),
        "deciding": performance.table(groups, looks, quantities.DECIDING),
        "further": performance.table(groups, looks, performance.further(groups)),
    }


def _reachable(metrics: pd.DataFrame, looks: dict, simulated: bool) -> list[dict]:
    out = []
    for task, target in performance.questions(metrics):
        own = _of(metrics, task, target)
        wide, narrow = (drawn.reachable(own, looks, simulated=simulated, width=w) for w in (drawn.WIDE, drawn.NARROW))
        shares = own.loc[own["quantity"] == "reachable_share", "estimate"]
        if not simulated and not shares.notna().any():
            continue
        groups = performance.groups(own, performance.schemes(own)[0])
        out.append(
            {
                "id": anchor(f"{task} {target}"),
                "heading": names.heading(task, target),
                "wide": Markup(wide.render(css="wide-only")) if wide else "",
                "narrow": Markup(narrow.render(css="narrow-only")) if narrow else "",
                "table": performance.table(
                    [g for g in groups if g.center not in ("pooled", "next")], looks, quantities.REACHING
                ),
            }
        )
    return [item for item in out if item["wide"] or item["table"]]


def _glossary(metrics: pd.DataFrame) -> list[quantities.Quantity]:
    present = set(metrics["quantity"])
    listed = [quantity for key, quantity in quantities.QUANTITIES.items() if key in present or metrics.empty]
    if any(key.startswith("net_benefit") for key in present):
        listed.append(quantities.quantity("net_benefit"))
    return [*listed, *quantities.TERMS]


def _of(frame: pd.DataFrame, task: str, target: str) -> pd.DataFrame:
    return frame[(frame["task"] == task) & (frame["target"] == target)]
