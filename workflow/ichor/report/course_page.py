"""The page of one sequence network's attributions: sanity gate, what matters at each step, chosen patients."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from ichor import __version__
from ichor.disk_space import whole_file
from ichor.explain import vocabulary
from ichor.report import names, numbers
from ichor.report.attributions import similarities
from ichor.report.patient_page import verdicts
from ichor.report.templates import TEMPLATES, environment

MOST_FEATURES = 12
"""Features of a table, those with the largest sizes first."""

DARKEST = 45
"""Percent of color in the cell with the largest size of a table, so that its small print can be read."""


def write_course_page(
    out: Path,
    *,
    gate: pd.DataFrame,
    importance: pd.DataFrame,
    patients: pd.DataFrame,
    named: Mapping[str, str],
    study: Mapping[str, object],
) -> None:
    """Write the page.

    Parameters
    ----------
    out : pathlib.Path
        The HTML file; pages of patients lie in ``patients`` beside it.
    gate, importance, patients : pandas.DataFrame
        Tables ``attribution_gate``, ``course_importance`` and ``explained_courses``.
    named : mapping
        ``model`` and ``split``.
    study : mapping
        ``title`` and ``simulated``.
    """
    context = {
        "study": study,
        "version": __version__,
        "model": names.MODELS.get(named["model"], names.words(named["model"])),
        "split": named["split"],
        "depth": "../" * 4,
        "verdicts": verdicts(gate),
        "similarities": similarities(gate),
        "limit": numbers.plain(gate["limit"].iloc[0]) if len(gate) else "",
        "targets": [_target(target, own) for target, own in importance.groupby("target", sort=False)],
        "cards": [_card(row) for row in patients.itertuples()],
        "event": f"no {names.event(patients['target'].iloc[0])}" if len(patients) else "",
        "css": Markup(
            "".join((TEMPLATES / name).read_text() for name in ("page.css", "attributions.css", "course.css"))
        ),
    }
    text = environment().get_template("course.html.j2").render(context)
    with whole_file(out) as part:
        part.write_text(text.lstrip(), encoding="utf-8", newline="\n")


def _target(target: str, own: pd.DataFrame) -> dict:
    """Tables of one target: all answers by feature, and the last answer by step of measurement."""
    answers = list(own.sort_values("order")["answer"].unique())
    whole = own[own["part"] == "whole"]
    parts = own[(own["part"] != "whole") & (own["answer"] == answers[-1])]
    steps = [step for step in answers if step in set(parts["step"].dropna())]
    columns = (["record"] if parts["step"].isna().any() else []) + steps
    parts = parts.assign(column=parts["step"].fillna("record"))
    order = list(whole[whole["answer"] == answers[-1]].sort_values("estimate", ascending=False)["feature"])
    order += [feature for feature in whole["feature"].unique() if feature not in order]
    order = order[:MOST_FEATURES]
    return {
        "title": names.event(target)[:1].upper() + names.event(target)[1:],
        "last": names.step(answers[-1]),
        "answers": [names.step(answer) for answer in answers],
        "columns": ["Record" if name == "record" else names.step(name) for name in columns],
        "rows": _rows(whole, "answer", answers, order),
        "parts": _rows(parts, "column", columns, order),
        "left_out": whole["feature"].nunique() - len(order),
    }


def _rows(rows: pd.DataFrame, by: str, columns: list[str], order: list[str]) -> list[dict]:
    """A row per feature with a cell per column: mean size, interval, patients, and strength of its color."""
    found = rows.set_index(["feature", by])
    top = float(rows["estimate"].max()) or 1.0
    made = []
    for feature in order:
        cells = []
        for column in columns:
            if (feature, column) not in found.index:
                cells.append(None)
                continue
            own = found.loc[(feature, column)]
            cells.append(
                {"estimate": numbers.plain(own["estimate"]), "interval": numbers.interval(own["low"], own["high"])}
                | {"n": int(own["n"]), "strength": round(DARKEST * float(own["estimate"]) / top)}
            )
        made.append({"feature": names.variable(feature), "cells": cells})
    return made


def _card(row) -> dict:
    return {
        "patient": row.patient,
        "center": row.center,
        "group": vocabulary.GROUPS[row.group],
        "answer": names.step(row.answer),
        "probability": numbers.plain(row.probability),
        "what": names.event(row.target),
        "observed": names.event(row.target) if row.label else f"without {names.event(row.target)}",
    }
