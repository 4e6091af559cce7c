"""The page of one model's attribution maps: what passed the sanity gate, overlap with anatomy, pictures."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from ichor import __version__
from ichor.disk_space import whole_file
from ichor.explain import vocabulary
from ichor.explain.intervals import mean_interval
from ichor.progress import track
from ichor.report import names, numbers
from ichor.report.attribution_pictures import read_layer, write_picture
from ichor.report.patient_page import verdicts
from ichor.report.templates import TEMPLATES, environment

FLAT = "two-dimensional, repeated over the slices"


def write_attribution_page(
    out: Path,
    pictures: Path,
    folder: Path,
    *,
    gate: pd.DataFrame,
    overlap: pd.DataFrame,
    maps: pd.DataFrame,
    patients: pd.DataFrame,
    record: pd.DataFrame,
    named: Mapping[str, str],
    rim_mm: float,
    study: Mapping[str, object],
) -> None:
    """Write the page, and a picture per patient beside it.

    Parameters
    ----------
    out, pictures : pathlib.Path
        The HTML file, and the folder that gets ``<patient>.png``; it lies beside the file.
    folder : pathlib.Path
        Maps, as the table `maps` names them.
    gate, overlap, maps, patients, record : pandas.DataFrame
        Tables ``attribution_gate``, ``attribution_overlap``, ``attribution_maps``, ``explained_patients`` and
        ``record_attributions``.
    named : mapping
        ``task``, ``target``, ``model`` and ``split``.
    rim_mm : float
        Width of the perihematomal rim.
    study : mapping
        ``title`` and ``simulated``.
    """
    pictures.mkdir(parents=True, exist_ok=True)
    context = {
        "study": study,
        "version": __version__,
        "model": names.MODELS.get(named["model"], named["model"]),
        "heading": names.heading(named["task"], named["target"]),
        "split": named["split"],
        "depth": "../" * 4,
        "verdicts": verdicts(gate),
        "similarities": similarities(gate),
        "limit": numbers.plain(gate["limit"].iloc[0]) if len(gate) else "",
        "overlaps": _overlaps(overlap),
        "rim_mm": f"{rim_mm:g}",
        "head": vocabulary.HEADS[patients["head"].iloc[0]] if len(patients) else "",
        "record": _record(record),
        "n_record": record["patient"].nunique(),
        "cards": [
            _card(row, maps[maps["patient"] == row.patient], folder, pictures)
            for row in track(list(patients.itertuples()), "pictures of attributions")
        ],
        "sources": [
            f"{own.title}: {own.source}." for key, own in vocabulary.METHODS.items() if key in set(gate["method"])
        ],
        "css": Markup((TEMPLATES / "page.css").read_text() + (TEMPLATES / "attributions.css").read_text()),
    }
    text = environment().get_template("attributions.html.j2").render(context)
    with whole_file(out) as part:
        part.write_text(text.lstrip(), encoding="utf-8", newline="\n")


def _record(record: pd.DataFrame) -> list[dict]:
    """Mean size of the attribution to each feature of the record, the largest first."""
    lines = []
    for feature, own in record.assign(size=record["attribution"].abs()).groupby("feature", sort=False):
        found = mean_interval(own["size"].to_numpy(), least=0.0)
        lines.append((found.estimate, {"name": names.variable(feature), "n": found.n} | _estimate(found)))
    return [line for _, line in sorted(lines, key=lambda pair: -pair[0])]


def similarities(gate: pd.DataFrame) -> list[dict]:
    """Every measured similarity of the gate table, as the pages print it."""
    rows = []
    for row in gate[gate["test"].notna()].itertuples():
        test = vocabulary.TESTS[row.test] + (f" ({row.share:.0%} of them)" if row.test == "cascade" else "")
        deciding = row.test in ("all_layers", "permuted_labels")
        measure = vocabulary.MEASURES[row.measure]
        rows.append(
            {"method": _title(row.method), "test": test, "measure": measure, "deciding": deciding, "n": row.n}
            | _estimate(row)
        )
    return rows


def _overlaps(overlap: pd.DataFrame) -> list[dict]:
    """One table per method: a row per region, a cell per quantity."""
    tables = []
    for method, own in overlap.groupby("method", sort=False):
        rows = []
        for region, title in vocabulary.REGIONS.items():
            of_region = own[own["region"] == region].set_index("quantity")
            if of_region.empty:
                continue
            cells = [
                _estimate(of_region.loc[name]) | {"n": int(of_region.loc[name, "n"])}
                for name in vocabulary.QUANTITIES
                if name in of_region.index
            ]
            rows.append({"region": title, "cells": cells})
        tables.append({"title": _title(method), "rows": rows, "quantities": list(vocabulary.QUANTITIES.values())})
    return tables


def _card(row, own: pd.DataFrame, folder: Path, pictures: Path) -> dict:
    """Draw one patient; without a map that passed, the plain slices, for the patient's own page."""
    layers = []
    for listed in own.itertuples():
        words = vocabulary.METHODS[listed.method]
        meaning = f"{words.meaning}; {FLAT}" if listed.flat else words.meaning
        layers.append(read_layer(folder / listed.map, words.title, meaning, words.signed))
    path = pictures / f"{row.patient}.png"
    if pd.notna(row.image):
        write_picture(path, Path(row.image), Path(row.mask) if pd.notna(row.mask) else None, layers)
    return {
        "patient": row.patient,
        "center": row.center,
        "group": vocabulary.GROUPS[row.group],
        "probability": numbers.plain(row.probability),
        "picture": f"{pictures.name}/{path.name}" if layers else None,
        "methods": ", ".join(layer.title for layer in layers),
    }


def _estimate(row) -> dict:
    return {"estimate": numbers.plain(row.estimate), "interval": numbers.interval(row.low, row.high)}


def _title(method: str) -> str:
    return vocabulary.words_of(method).title
