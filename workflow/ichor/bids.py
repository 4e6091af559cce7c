"""A center's scans as a BIDS data set of hard links, and masks as BIDS derivatives.

Built for the Brain Imaging Data Structure 1.10 (bids-specification.readthedocs.io). It has no place for CT yet
(proposal BEP024), so the scans lie in folders ``ct`` that ``.bidsignore`` names; all else is checked by its validator.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pandas as pd

from ichor import __version__, tables
from ichor.cohort.dictionary import variables
from ichor.disk_space import whole_file

BIDS_VERSION = "1.10.0"
OLDEST_AGE = 89  # BIDS: ages above 89 years can identify, and are written as 89
LABELS = {
    1: ("parenchymal hemorrhage", "IPH"),
    2: ("intraventricular hemorrhage", "IVH"),
    3: ("perihematomal edema", "PHE"),
    4: ("extra-axial hemorrhage", "EAH"),
}
RENAMED = {"age_years": "age"}  # columns of participants.tsv that BIDS knows by another name
NOT_CLINICAL = ("patient", "center", "center_role")
SESSION_COLUMNS = ("onset_to_ct_h", "baseline_to_ct_h")
SCAN_COLUMNS = ("source", "manufacturer", "kernel", "tilt_deg", "flags", "voxel_sha256")
MADE_BY = {
    "raw": "Series were chosen, converted and checked.",
    "derivative": "Masks were put on the grid of the scans, or made by its segmentation.",
}
NO_LICENCE = "None stated. The center decides who may use these data."


def write_center(
    center: str, scans: pd.DataFrame, patients: pd.DataFrame, out: Path, *, source: Mapping[str, object] | None = None
) -> None:
    """Write the BIDS data set of a center.

    Parameters
    ----------
    center : str
        Its name.
    scans : DataFrame
        Table ``scans``; rows of other centers are left out. Images, sidecars and reference masks are linked, and copied
        where the file system cannot link.
    patients : DataFrame
        Table ``patients``; those of the center with a scan become ``participants.tsv``.
    out : Path
        Folder of the data set; must not exist.
    source : mapping, optional
        Of `ichor.presets.sources`, when the center is a public data set.
    """
    scans = scans[scans["center"] == center]
    people = patients[(patients["center"] == center) & patients["patient"].isin(scans["patient"])]
    description = _description(f"Center {center}, head CT", "raw", source)
    _start(out, description, _readme(center, len(scans), source))
    _write_text(out / ".bidsignore", "sub-*/ses-*/ct\n")
    _write_participants(scans, people, out)
    _write_json({name: _of_scan(name) for name in SESSION_COLUMNS}, out / "sessions.json")
    _write_json({name: _of_scan(name) for name in SCAN_COLUMNS}, out / "scans.json")
    for patient, rows in scans.groupby("patient"):
        _write_subject(str(patient), rows, out)
    masks = scans[scans["reference_mask"].notna()]
    if len(masks):
        files = {(row.patient, row.time_point): row.reference_mask for row in masks.itertuples()}
        title = f"Center {center}, reference masks"
        write_masks(files, out / "derivatives" / "reference", title, "reference", "../..", source=source)


def write_masks(
    masks: Mapping[tuple[str, str], str],
    out: Path,
    title: str,
    kind: str,
    raw: str,
    *,
    source: Mapping[str, object] | None = None,
) -> None:
    """Write masks as a BIDS derivative.

    Parameters
    ----------
    masks : mapping
        Patient and time point -> path of the mask, on the grid of the scan.
    out : Path
        Folder of the derivative; must not exist.
    title : str
        Its name, for people.
    kind : str
        Letters and digits; BIDS entity ``desc`` of every mask.
    raw : str
        Path of the data set of the scans, relative to `out`.
    source : mapping, optional
        As in `write_center`.
    """
    description = _description(title, "derivative", source) | {"DatasetLinks": {"raw": raw}}
    values = ", ".join(f"{value} {name}" for value, (name, _) in LABELS.items())
    readme = (
        f"# {title}\n\nMade by Ichor {__version__}. Voxels: 0 background, {values}. A mask lies on the grid of\n"
        f"the scan of its subject and session.\n\n{_terms(source)}\n"
    )
    _start(out, description, readme)
    rows = [dict(index=value, name=name, abbreviation=short) for value, (name, short) in LABELS.items()]
    _write_table(pd.DataFrame(rows), out / f"desc-{kind}_dseg.tsv")
    _write_json({"Description": f"{title}: {values}", "SpatialReference": "orig"}, out / f"desc-{kind}_dseg.json")
    for (patient, time_point), mask in sorted(masks.items()):
        stem = f"sub-{patient}_ses-{time_point}_desc-{kind}_dseg"
        link(Path(mask), out / f"sub-{patient}" / f"ses-{time_point}" / "anat" / f"{stem}.nii.gz")


def link(file: Path, place: Path) -> None:
    """Give a file a second name, at no cost in disk; copy it where the file system cannot."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, place)
    except OSError:  # other disk, no hard links, too many of them: a copy says itself when the disk is full
        with whole_file(place) as part:
            shutil.copyfile(file, part)


def _start(out: Path, description: dict, readme: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    _write_json(description, out / "dataset_description.json")
    _write_text(out / "README.md", readme)


def _description(name: str, kind: str, source: Mapping[str, object] | None) -> dict:
    made = {"Name": "Ichor", "Version": __version__, "Description": MADE_BY[kind]}
    description = {"Name": name, "BIDSVersion": BIDS_VERSION, "DatasetType": kind, "License": NO_LICENCE}
    if source:
        description |= {"Name": f"{name} ({source['title']})", "License": source["licence"]}
        description |= {"HowToAcknowledge": f"Cite: {source['citation']}", "ReferencesAndLinks": [source["url"]]}
        description |= {"SourceDatasets": [{"URL": source["url"]}]}
    return description | {"GeneratedBy": [made]}


def _terms(source: Mapping[str, object] | None) -> str:
    if not source:
        return f"Licence: {NO_LICENCE}"
    return f"Licence: {source['licence']} Cite: {source['citation']} Source: {source['url']}"


def _readme(center: str, count: int, source: Mapping[str, object] | None) -> str:
    remarks = "".join(f"- {text}\n" for text in (source or {}).get("remarks", []))
    return (
        f"# Center {center}: {count} head CT scans\n\n"
        f"Made by Ichor {__version__} from the center's archive. Patients stand under keyed pseudonyms; there are\n"
        "no dates, only hours since the onset of symptoms and since the first scan. Ages above 89 years are written\n"
        "as 89. Sessions are `baseline` and `followup`. Scans are in Hounsfield units, RAS+, in folders `ct`: BIDS\n"
        "has no place for CT yet, so `.bidsignore` names them. Files are hard links to `results/images` where the\n"
        "disk allows it: do not edit them in place, copy the folder first.\n\n"
        f"{_terms(source)}\n{remarks}"
    )


def _write_participants(scans: pd.DataFrame, people: pd.DataFrame, out: Path) -> None:
    clinical = [name for name in people.columns if name not in NOT_CLINICAL and people[name].notna().any()]
    scanned = pd.DataFrame({"patient": sorted(scans["patient"].unique())}, dtype=object)
    table = scanned.merge(people[["patient", *clinical]], how="left")
    if "age_years" in clinical:
        table["age_years"] = table["age_years"].clip(upper=OLDEST_AGE)
    table["patient"] = "sub-" + table["patient"].astype(str)
    _write_table(table.rename(columns={"patient": "participant_id"} | RENAMED), out / "participants.tsv")
    _write_json({RENAMED.get(name, name): _of_variable(name) for name in clinical}, out / "participants.json")


def _of_variable(name: str) -> dict:
    """What BIDS wants to know of a variable of the data dictionary."""
    variable = variables()[name]
    told: dict[str, object] = {"Description": f"{variable.description} Known at: {variable.known}."}
    if name == "age_years":
        told["Description"] = f"{variable.description} Above {OLDEST_AGE} years: {OLDEST_AGE}."
    if variable.unit:
        told["Units"] = variable.unit
    if variable.values == (0, 1):
        told["Levels"] = {"0": "no", "1": "yes"}
    elif variable.values:
        told["Levels"] = {str(value): str(value).replace("_", " ") for value in variable.values}
    return told


def _of_scan(name: str) -> dict:
    """The same, of a column of table ``scans``."""
    rule = tables.schema("scans")["properties"][name]
    return {"Description": rule["description"]} | ({"Units": rule["unit"]} if "unit" in rule else {})


def _write_subject(patient: str, scans: pd.DataFrame, out: Path) -> None:
    folder = out / f"sub-{patient}"
    sessions = scans[["time_point", *SESSION_COLUMNS]].sort_values("time_point")
    sessions = sessions.assign(time_point="ses-" + sessions["time_point"]).rename(columns={"time_point": "session_id"})
    _write_table(sessions, folder / f"sub-{patient}_sessions.tsv")
    for scan in scans.itertuples():
        stem = f"sub-{patient}_ses-{scan.time_point}"
        place = PurePosixPath("ct", f"{stem}_ct.nii.gz")
        session = folder / f"ses-{scan.time_point}"
        image = Path(scan.image)
        link(image, session / place)
        sidecar = image.with_name(image.name.replace(".nii.gz", ".json"))
        if sidecar.is_file():
            link(sidecar, session / "ct" / f"{stem}_ct.json")
        row = {"filename": str(place)} | {name: getattr(scan, name) for name in SCAN_COLUMNS}
        _write_table(pd.DataFrame([row]), session / f"{stem}_scans.tsv")


def _write_table(table: pd.DataFrame, path: Path) -> None:
    with whole_file(path) as part:
        table.to_csv(part, sep="\t", index=False, na_rep="n/a", lineterminator="\n")


def _write_json(value: dict, path: Path) -> None:
    _write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def _write_text(path: Path, text: str) -> None:
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")
