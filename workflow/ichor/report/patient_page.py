"""A page per chosen patient: maps, gate, what the record brings, other models, SHAP values, record and neighbours."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from ichor import __version__, tables
from ichor.cohort.feature_sets import expand
from ichor.disk_space import whole_file
from ichor.explain import vocabulary
from ichor.progress import track
from ichor.report import names, numbers
from ichor.report.patient_pictures import write_slices
from ichor.report.patient_record import record_rows, said
from ichor.report.templates import TEMPLATES, environment

MOST_FEATURES = 10
"""Features of a model that are drawn, those with the largest values first; the others are added up."""
ANSWERED_FROM = {0: "scan and record", 1: "the scan alone", 2: "the record alone"}


@dataclass(frozen=True)
class Known:
    """What the pages are made of, tables as their schemas name them.

    Attributes
    ----------
    cohort : pandas.DataFrame
        Rows of the split.
    patients, gate, record, neighbours : pandas.DataFrame
        Tables ``explained_patients``, ``attribution_gate``, ``record_attributions`` and ``neighbours`` of the model.
    predictions : pandas.DataFrame
        Table ``predictions`` of all models with this target in this split.
    details : pandas.DataFrame
        Table ``prediction_details`` of the model.
    shap : pandas.DataFrame
        Table ``shap`` of the tabular models with this target in this split.
    features : list of str
        Columns of the record that the network reads.
    """

    cohort: pd.DataFrame
    patients: pd.DataFrame
    gate: pd.DataFrame
    record: pd.DataFrame
    neighbours: pd.DataFrame
    predictions: pd.DataFrame
    details: pd.DataFrame
    shap: pd.DataFrame
    features: list[str]

    @classmethod
    def read(cls, files, spec: dict) -> "Known":
        """Read the tables.

        Parameters
        ----------
        files
            With attributes ``cohort patients gate record neighbours details`` (paths), ``predictions`` and ``shap``
            (lists of paths).
        spec : dict
            Complete settings of the network.
        """
        return cls(
            cohort=tables.read("cohort", files.cohort),
            patients=tables.read("explained_patients", files.patients),
            gate=tables.read("attribution_gate", files.gate),
            record=tables.read("record_attributions", files.record),
            neighbours=tables.read("neighbours", files.neighbours),
            predictions=pd.concat([tables.read("predictions", path) for path in files.predictions]),
            details=tables.read("prediction_details", files.details),
            shap=pd.concat([tables.empty("shap"), *(tables.read("shap", path) for path in files.shap)]),
            features=expand(spec["record"]["features"]),
        )


def write_patient_pages(
    folder: Path, known: Known, pictured: Mapping[str, str], named: Mapping[str, str], study: Mapping[str, object]
) -> None:
    """Write ``<patient>.html`` for every patient of the table ``explained_patients``.

    Parameters
    ----------
    folder : pathlib.Path
        Gets the pages, and pictures of train patients.
    known : Known
        See there.
    pictured : mapping
        Patient -> picture, relative to the folder.
    named : mapping
        ``task``, ``target``, ``model`` and ``split``.
    study : mapping
        ``title`` and ``simulated``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    css = "".join((TEMPLATES / name).read_text() for name in ("page.css", "attributions.css", "patient.css"))
    train = known.cohort[(known.cohort["role"] == "train") & known.cohort[f"label_{named['target']}"].notna()]
    shared = {
        "study": study,
        "version": __version__,
        "css": Markup(css),
        "model": names.MODELS.get(named["model"], names.words(named["model"])),
        "heading": names.heading(named["task"], named["target"]),
        "event": names.event(named["target"]),
        "split": named["split"],
        "base_rate": numbers.percent(train[f"label_{named['target']}"].astype(float).mean(), 1.0),
        "n_train": len(train),
    }
    template = environment().get_template("patient.html.j2")
    for row in track(list(known.patients.itertuples()), "pages of patients"):
        text = template.render(
            shared | _patient(row, known, train, named["model"]) | _files(row, pictured, folder, known)
        )
        with whole_file(folder / f"{row.patient}.html") as part:
            part.write_text(text.lstrip(), encoding="utf-8", newline="\n")


def _patient(row, known: Known, train: pd.DataFrame, model: str) -> dict:
    of_cohort = known.cohort.set_index("patient").loc[row.patient]
    predictions = known.predictions[known.predictions["patient"] == row.patient]
    shap = known.shap[known.shap["patient"] == row.patient]
    brought = known.record[known.record["patient"] == row.patient]
    return {
        "patient": row.patient,
        "center": row.center,
        "group": vocabulary.GROUPS[row.group],
        "label": row.label,
        "probability": numbers.plain(row.probability),
        "head": vocabulary.HEADS[row.head],
        "verdicts": verdicts(known.gate),
        "details": _details(known.details[known.details["patient"] == row.patient]),
        "record_verdict": _record_verdict(known.gate),
        "brought": bars(brought.rename(columns={"attribution": "amount"})),
        "predictions": _predictions(predictions, list(known.predictions["model"].unique()), model),
        "shap": [_shap(own) for _, own in shap.groupby("model", sort=True)],
        "record": record_rows(of_cohort, train, _features(known)),
    }


def _files(row, pictured: Mapping[str, str], folder: Path, known: Known) -> dict:
    """Pictures of the patient and of the neighbours, which are drawn here."""
    own = known.neighbours[known.neighbours["patient"] == row.patient].sort_values("rank")
    cards = []
    for near in own.itertuples():
        path = folder / f"train_{near.neighbour}.webp"
        if not path.exists():
            write_slices(path, near.image, near.mask if pd.notna(near.mask) else None)
        cards.append(
            {"patient": near.neighbour, "center": near.neighbour_center, "label": int(near.label), "picture": path.name}
            | {"distance": numbers.plain(near.distance), "relative": numbers.plain(near.relative_distance, 1)}
            | {"probability": numbers.plain(near.probability)}
        )
    return {"picture": pictured.get(row.patient), "neighbours": cards}


def verdicts(gate: pd.DataFrame) -> list[dict]:
    """One line per attribution method of the gate table: title, outcome, words and why."""
    words = {"shown": "shown", "withheld": "withheld", "not_applicable": "does not suit"}
    return [
        {"title": vocabulary.words_of(row.method).title, "outcome": row.outcome, "detail": row.detail}
        | {"words": words[row.outcome]}
        for row in gate.drop_duplicates("method").itertuples()
    ]


def _record_verdict(gate: pd.DataFrame) -> str:
    """``shown``, ``withheld``, or empty for a network that reads no record."""
    own = gate.loc[gate["method"] == vocabulary.RECORD, "outcome"]
    return own.iloc[0] if len(own) else ""


def bars(rows: pd.DataFrame) -> list[dict]:
    """Lines of a bar chart to both sides: ``feature value amount``, the largest first, the rest added up.

    Returns
    -------
    list of dict
        ``name value amount left width positive``: place and width of the bar in percent of the chart.
    """
    if rows.empty:
        return []
    ordered = rows.assign(size=rows["amount"].abs()).sort_values(["size", "feature"], ascending=[False, True])
    lines = [
        (names.variable(own.feature), _value(own.value), own.amount) for own in ordered.head(MOST_FEATURES).itertuples()
    ]
    rest = ordered.iloc[MOST_FEATURES:]
    if len(rest):
        lines.append((f"{len(rest)} more together", "", rest["amount"].sum()))
    top = max(abs(amount) for _, _, amount in lines) or 1.0
    return [
        {"name": name, "value": value, "amount": _signed(amount), "positive": amount >= 0}
        | {"left": round(50 - max(0, -amount) / top * 50, 1), "width": round(abs(amount) / top * 50, 1)}
        for name, value, amount in lines
    ]


def _shap(own: pd.DataFrame) -> dict:
    first = own.iloc[0]
    scale = "log odds" if first["scale"] == "log_odds" else "probability"
    total = first["expected"] + own["shap"].sum()
    return {
        "model": names.MODELS.get(first["model"], names.words(first["model"])),
        "scale": scale,
        "expected": _signed(first["expected"]),
        "total": _signed(total),
        "background": int(first["background"]),
        "bars": bars(own.rename(columns={"shap": "amount"})),
    }


def _predictions(own: pd.DataFrame, models: list[str], explained: str) -> list[dict]:
    """One line per model, highest risk first; models without an answer at the end."""
    found = own.set_index("model")["probability"]
    lines = []
    for model in sorted(models, key=lambda name: (-found.get(name, -1.0), name)):
        risk = found.get(model)
        lines.append(
            {"model": names.MODELS.get(model, names.words(model)), "explained": model == explained}
            | {"probability": numbers.plain(risk), "percent": None if risk is None else round(100 * float(risk), 1)}
        )
    return lines


def _details(own: pd.DataFrame) -> list[dict]:
    lines = []
    for row in own.itertuples():
        if row.quantity == "answered_from":
            lines.append({"name": "Answered from", "value": ANSWERED_FROM[int(row.value)]})
        elif row.quantity == "gate_image_mean":
            words = f"{numbers.plain(row.value)} (the record’s: {numbers.plain(1 - row.value)})"
            lines.append({"name": "Gate: mean weight of the image", "value": words})
        else:
            title = names.words(row.quantity).replace("Gcs", "GCS")
            lines.append({"name": title, "value": numbers.plain(row.value)})
    return lines


def _features(known: Known) -> list[str]:
    """Columns that the network or a tabular model reads, in that order."""
    return list(dict.fromkeys([*known.features, *known.shap["feature"]]))


def _value(value: object) -> str:
    """A value that a table holds as text."""
    if value is None or pd.isna(value):
        return numbers.DASH
    try:
        return said(float(value))
    except ValueError:
        return said(value)


def _signed(number: float) -> str:
    return ("+" if number > 0 else "") + numbers.plain(number)
