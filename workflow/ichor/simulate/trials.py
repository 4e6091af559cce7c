"""Send series of which is known what should become of them through the real ingest: index, select, convert."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from ichor.dicom.convert import convert_shard
from ichor.dicom.index import index_center
from ichor.dicom.select import select_series
from ichor.private_tables import read_private
from ichor.pseudonyms import pseudonym
from ichor.simulate.defects.catalogue import Defect

KEY = b"a key for simulated patients 32 b"


@dataclass(frozen=True)
class Outcome:
    """What became of one patient's series.

    Attributes
    ----------
    codes
        Reason codes with which series and scans were set aside.
    details
        What was measured, in words, for the same.
    scan
        Row of table ``scans``; None when no scan was accepted.
    """

    codes: frozenset[str]
    details: tuple[str, ...]
    scan: dict | None

    @property
    def flags(self) -> frozenset[str]:
        """Flags of the accepted scan."""
        return frozenset((self.scan["flags"] or "").split(";")) - {""} if self.scan else frozenset()


def read_images(paths: Iterable[Path]) -> list[Dataset]:
    """Read a series that was written in spatial order."""
    return [dcmread(path) for path in paths]


def write_images(images: Iterable[Dataset], folder: Path, patient: str) -> None:
    """Write a series as that of another patient, in a study of its own."""
    folder.mkdir(parents=True)
    study = generate_uid()
    for number, image in enumerate(images):
        image.PatientID, image.StudyInstanceUID = patient, study
        image.save_as(folder / f"{number:04d}", enforce_file_format=True)


def ingest(folder: Path, work: Path) -> dict[str, Outcome]:
    """Index, select and convert a folder of simulated DICOM.

    Parameters
    ----------
    folder
        DICOM of one or many patients.
    work
        Existing folder for the index, and for the images, which stay.

    Returns
    -------
    dict of str to Outcome
        By the patients' raw ids.
    """
    index_center("trial", folder, work / "index.parquet", key=KEY)
    index = read_private(work / "index.parquet")
    selection, public, _ = select_series(index, None, center="trial")
    scans, status = convert_shard(selection[0], "trial", work / "images")
    accepted = {row["patient"]: row for row in scans.to_dict("records")}
    series = public[public["outcome"] == "set_aside"].rename(columns={"patient": "subject"})
    refused = pd.concat([series, status[status["outcome"] == "set_aside"]], ignore_index=True)
    out = {}
    for raw in index["patient_id"].unique():
        name = pseudonym(KEY, "trial", raw)
        rows = refused[refused["subject"] == name]
        out[raw] = Outcome(frozenset(rows["reason"]), tuple(rows["detail"]), accepted.get(name))
    return out


def fault(defect: Defect, outcome: Outcome | None, clean: Outcome) -> str:
    """Say what is wrong with the outcome of a defective series; "" when it is as it has to be.

    Padding of the clean series is not looked at: defects that write pixels take it away.
    """
    if outcome is None:
        return "not in the index"
    if not defect.flag:
        if outcome.scan is not None:
            return f"accepted with flags {sorted(outcome.flags)}, has to be set aside as {sorted(defect.codes)}"
        wrong = not outcome.codes or not outcome.codes <= defect.codes
        return f"set aside as {sorted(outcome.codes)}, not as {sorted(defect.codes)}" if wrong else ""
    if outcome.scan is None:
        return f"set aside as {sorted(outcome.codes)}, has to be accepted: {'; '.join(outcome.details)}"
    wanted = clean.flags | ({defect.flag} - {"none"})
    if (outcome.flags ^ wanted) - {"padding_clipped"} or defect.flag not in outcome.flags | {"none"}:
        return f"accepted with flags {sorted(outcome.flags)}, has to have {sorted(wanted)}"
    if defect.same_voxels and outcome.scan["voxel_sha256"] != clean.scan["voxel_sha256"]:
        return "voxels differ from those of the clean series"
    return ""
