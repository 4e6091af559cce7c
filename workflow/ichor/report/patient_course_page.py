"""A page per chosen patient of a time course: answers at each step, what moved them, values, other models, record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from ichor import __version__, tables
from ichor.cohort.course_dictionary import course_variables
from ichor.cohort.feature_sets import expand
from ichor.disk_space import whole_file
from ichor.explain import vocabulary
from ichor.progress import track
from ichor.report import course_figures, names, numbers
from ichor.report.course_figures import time_name
from ichor.report.patient_page import verdicts
from ichor.report.patient_record import record_rows
from ichor.report.svg import RULES
from ichor.report.templates import TEMPLATES, environment

MOST_MOVES = 3
"""Features that are named for a step to each side."""
LEAST_MOVE = 0.01
"""Log odds below which a change is not named: both figures would be printed as the same."""
STEP_ITSELF = "the step itself: its time, and what was measured"


@dataclass(frozen=True)
class KnownCourses:
    """What the pages are made of, tables as their schemas name them.

    Attributes
    ----------
    patients, gate, attributions : pandas.DataFrame
        Tables ``explained_courses``, ``attribution_gate`` and ``course_attributions`` of the model.
    steps, values : pandas.DataFrame
        Tables ``trajectory_steps`` and ``trajectory_values`` of the split.
    risks : pandas.DataFrame
        Table ``trajectory_risks`` of all models in the split, with their column ``model``.
    cohort : pandas.DataFrame
        Rows of the split.
    variables : list of str
        Of the course, in the order of the figures.
    units : mapping
        Variable -> unit.
    record : list of str
        Columns of the record that the network reads.
    """

    patients: pd.DataFrame
    gate: pd.DataFrame
    attributions: pd.DataFrame
    steps: pd.DataFrame
    values: pd.DataFrame
    risks: pd.DataFrame
    cohort: pd.DataFrame
    variables: list[str]
    units: Mapping[str, str]
    record: list[str]

    @classmethod
    def read(cls, files, models: Sequence[str], spec: dict) -> "KnownCourses":
        """Read the tables.

        Parameters
        ----------
        files
            With attributes ``patients gate attributions steps values cohort`` (paths) and ``risks`` (a path per model).
        models : sequence of str
            Names of the models, in the order of their risks.
        spec : dict
            Complete settings of the network.
        """
        values = tables.read("trajectory_values", files.values)
        dictionary = course_variables()
        levels = [name for name, own in dictionary.items() if own.kind == "level"]
        measured = set(values["variable"])
        wanted = measured if spec["variables"] is None else measured & set(spec["variables"])
        named = zip(models, files.risks, strict=True)
        risks = [tables.read("trajectory_risks", path).assign(model=name) for name, path in named]
        return cls(
            patients=tables.read("explained_courses", files.patients),
            gate=tables.read("attribution_gate", files.gate),
            attributions=tables.read("course_attributions", files.attributions),
            steps=tables.read("trajectory_steps", files.steps),
            values=values,
            risks=pd.concat(risks),
            cohort=tables.read("cohort", files.cohort),
            variables=[name for name in levels if name in wanted],
            units={name: own.unit for name, own in dictionary.items() if own.unit},
            record=expand(spec["record"]),
        )


def write_patient_course_pages(
    folder: Path, known: KnownCourses, named: Mapping[str, str], study: Mapping[str, object]
) -> None:
    """Write ``<patient>.html`` for every patient of the table ``explained_courses``.

    Parameters
    ----------
    folder : pathlib.Path
        Gets the pages.
    known : KnownCourses
        See there.
    named : mapping
        ``model`` and ``split``.
    study : mapping
        ``title`` and ``simulated``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sheets = ("page.css", "attributions.css", "patient.css", "course.css")
    css = "".join((TEMPLATES / name).read_text() for name in sheets) + RULES
    train = set(known.steps.loc[known.steps["role"] == "train", "patient"])
    usual = course_figures.usual_values(known.values[known.values["patient"].isin(train)])
    shared = {
        "study": study,
        "version": __version__,
        "css": Markup(css),
        "model": _model(named["model"]),
        "split": named["split"],
        "verdicts": verdicts(known.gate),
        "shown": bool((known.gate["outcome"] == "shown").any()),
    }
    template = environment().get_template("patient_course.html.j2")
    for row in track(list(known.patients.itertuples()), "pages of courses"):
        text = template.render(shared | _patient(row, known, usual, named["model"], bool(study["simulated"])))
        with whole_file(folder / f"{row.patient}.html") as part:
            part.write_text(text.lstrip(), encoding="utf-8", newline="\n")


def _patient(row, known: KnownCourses, usual: pd.DataFrame, model: str, simulated: bool) -> dict:
    steps = known.steps[known.steps["patient"] == row.patient].sort_values("position")
    values = known.values[known.values["patient"] == row.patient]
    risks = known.risks[known.risks["patient"] == row.patient]
    own = risks[risks["model"] == model]
    parts = known.attributions[known.attributions["patient"] == row.patient]
    followed = steps[steps["at_risk"].astype(bool)]
    targets = list(own["target"].unique())
    return {
        "patient": row.patient,
        "center": row.center,
        "group": vocabulary.GROUPS[row.group],
        "chosen_by": names.event(row.target),
        "last": names.step(row.answer),
        "facts": [_fact(target, own[own["target"] == target], row.answer, steps) for target in targets],
        "answers": [_answers(target, own[own["target"] == target], followed, simulated) for target in targets],
        "moved": [
            _moved(target, parts[parts["target"] == target], own[own["target"] == target], followed, simulated)
            for target in targets
            if (parts["target"] == target).any()
        ],
        "values": _values(values, steps, usual, known, simulated),
        "ended": len(steps) - len(followed),
        "models": _models(risks, model, row.answer),
        "targets": [_title(target) for target in targets],
        "record": _record(row.patient, known),
    }


def _fact(target: str, own: pd.DataFrame, answer: str, steps: pd.DataFrame) -> dict:
    at = own[own["step"] == answer]
    labels = steps[f"label_{target}"].dropna() if f"label_{target}" in steps else pd.Series(dtype=float)
    observed = "not known" if labels.empty else "yes" if labels.iloc[-1] else "no"
    return {
        "name": _title(target),
        "probability": numbers.plain(at["probability"].iloc[0]) if len(at) else numbers.DASH,
        "observed": observed,
    }


def _answers(target: str, own: pd.DataFrame, followed: pd.DataFrame, simulated: bool) -> Markup:
    own = own[own["position"].isin(followed["position"])]
    return Markup(course_figures.draw_answers(own, followed, _title(target), simulated=simulated).render())


def _moved(target: str, parts: pd.DataFrame, own: pd.DataFrame, followed: pd.DataFrame, simulated: bool) -> dict:
    """Heat map of the last answer, and a line per step: what moved the answer since the step before."""
    last = int(parts["answer_position"].max())
    of_last = parts[parts["answer_position"] == last]
    upto = followed[followed["position"] <= last]
    title = f"The answer at {names.step(of_last['answer'].iloc[0])}"
    figure = course_figures.draw_parts(of_last, upto, title, simulated=simulated)
    total = of_last["attribution"].sum()
    return {
        "title": _title(target),
        "figure": Markup(figure.render()),
        "base": _signed(of_last["base"].iloc[0]),
        "total": _signed(of_last["base"].iloc[0] + total),
        "steps": _moves(parts, own, followed),
    }


def _moves(parts: pd.DataFrame, own: pd.DataFrame, followed: pd.DataFrame) -> list[dict]:
    known = own.set_index("position")["probability"]
    lines, before = [], None
    for step in followed.itertuples():
        here = parts[parts["answer_position"] == step.position]
        if here.empty:
            continue
        sums = here.groupby("feature")["attribution"].sum()
        sums[STEP_ITSELF] = here["base"].iloc[0]
        change = sums.drop(STEP_ITSELF) if before is None else sums.sub(before, fill_value=0.0)
        change = change[change.abs() >= LEAST_MOVE]
        lines.append(
            {"step": names.step(step.step), "time": time_name(step.time_h)}
            | {"probability": numbers.plain(known.get(step.position)), "first": before is None}
            | {"raises": _named(change[change > 0].sort_values(ascending=False))}
            | {"lowers": _named(change[change < 0].sort_values())}
        )
        before = sums
    return lines


def _named(change: pd.Series) -> list[dict]:
    return [
        {"name": feature if feature == STEP_ITSELF else names.variable(feature), "amount": _signed(amount)}
        for feature, amount in change.head(MOST_MOVES).items()
    ]


def _values(
    values: pd.DataFrame, steps: pd.DataFrame, usual: pd.DataFrame, known: KnownCourses, simulated: bool
) -> list[Markup]:
    figures = []
    for variable in known.variables:
        unit = known.units.get(variable)
        title = names.variable(variable) + (f", {unit}" if unit else "")
        own, band = values[values["variable"] == variable], usual[usual["variable"] == variable]
        figures.append(Markup(course_figures.draw_values(own, steps, band, title, simulated=simulated).render()))
    return figures


def _models(risks: pd.DataFrame, explained: str, answer: str) -> list[dict]:
    """One line per model with its answers at the last step; a dash where it gives none."""
    targets = list(risks["target"].unique())
    found = risks[risks["step"] == answer].set_index(["model", "target"])["probability"]
    lines = []
    for model in risks["model"].unique():
        cells = [numbers.plain(found.get((model, target))) for target in targets]
        lines.append({"model": _model(model), "explained": model == explained, "cells": cells})
    return lines


def _record(patient: str, known: KnownCourses) -> list[dict]:
    train = known.cohort[known.cohort["role"] == "train"]
    own = known.cohort[known.cohort["patient"] == patient]
    return record_rows(own.iloc[0], train, known.record) if len(own) else []


def _title(target: str) -> str:
    words = names.event(target)
    return words[:1].upper() + words[1:]


def _model(name: str) -> str:
    return names.MODELS.get(name, names.words(name))


def _signed(number: float) -> str:
    return ("+" if number > 0 else "") + numbers.plain(number)
