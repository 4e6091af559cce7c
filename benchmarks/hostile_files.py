"""What the ingest does with thousands of hostile and broken files among good series.

    python benchmarks/hostile_files.py [--files 5000] [--seed 1] [--work FOLDER] [--keep]

Writes the files of `hostile_corpus`, runs index, select and convert over them in a process of its own, and over the
good series alone. It must end by itself, write nothing outside of its own folder, leave the archive as it was, have a
code or a place in the index for every file, and give the good series the same voxels as without hostile files.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY / "benchmarks"), str(REPOSITORY / "workflow")]

import pandas as pd  # noqa: E402
from hostile_corpus import Corpus, write_corpus  # noqa: E402
from rows import RESULTS, Row, save  # noqa: E402

from ichor.reasons import Reason  # noqa: E402

KEY = b"k" * 32
PATTERN = "{patient}_{time_point}.nii.gz"
MEMORY_AIM_MB = 1024
RUN_TIMEOUT_S = 1800


def ingest(dicom: Path, nifti: Path, masks: Path, header_seconds: float = 10.0) -> None:
    """Index, select and convert both centers below the working directory."""
    from ichor.dicom.convert import convert_shard
    from ichor.dicom.index import index_center
    from ichor.dicom.limits import Limits
    from ichor.dicom.nifti import index_nifti_center
    from ichor.dicom.references import ReferenceMasks, list_masks
    from ichor.dicom.select import select_center
    from ichor.private_tables import read_private

    limits = Limits(header_seconds=header_seconds, convert_seconds=60.0)
    found = [index_center("pacs", dicom, "pacs.parquet", key=KEY, workers=2, limits=limits, cache="headers")]
    found += [index_nifti_center("files", nifti, "files.parquet", key=KEY, image_pattern=PATTERN, limits=limits)]
    digests = dict(list_masks(masks, PATTERN).itertuples(index=False))
    references = {"pacs": None, "files": ReferenceMasks(masks, PATTERN, digests)}
    scans = []
    for center, reference in references.items():
        selection = Path(f"{center}-selection.parquet")
        public, status = select_center(f"{center}.parquet", None, [selection], center=center, masks=reference)
        public.to_csv(f"{center}-selection.tsv", sep="\t", index=False)
        made, converted = convert_shard(
            read_private(selection), center, f"images/{center}", limits=limits, mask_labels="1=iph"
        )
        scans.append(made)
        found += [status, converted]
    pd.concat(scans).to_csv("scans.tsv", sep="\t", index=False)
    pd.concat(found).to_csv("status.tsv", sep="\t", index=False)


def run_ingest(place: Path, dicom: Path, nifti: Path, masks: Path) -> dict[str, float]:
    """Run `ingest` in a process of its own, in the folder `place`; tell what it took.

    Raises
    ------
    RuntimeError
        If it crashed or did not end.
    """
    place.mkdir(parents=True)
    command = [sys.executable, str(Path(__file__).resolve()), "--ingest", str(dicom), str(nifti), str(masks)]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    started = time.perf_counter()
    with (place.parent / f"{place.name}.log").open("w+") as log:
        process = subprocess.Popen(
            command, cwd=place, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=dict(os.environ, PATH=path)
        )
        try:
            process.wait(RUN_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.seek(0)
        said = log.read()
    if process.returncode:
        raise RuntimeError(f"the ingest ended with {process.returncode}:\n{said[-4000:]}")
    took = json.loads((place / "took.json").read_text())
    return took | {"wall_s": time.perf_counter() - started}


def everything_below(folder: Path, leave_out: tuple[Path, ...] = ()) -> dict[str, tuple]:
    """Kind, size and time of change of everything below a folder; links are not followed."""
    seen = {}
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if Path(parent, name) not in leave_out]
        for name in folders + files:
            about = os.lstat(os.path.join(parent, name))
            seen[os.path.join(parent, name)] = (about.st_mode, about.st_size, about.st_mtime_ns)
    return seen


def voxels(place: Path) -> dict[tuple[str, ...], str]:
    """Digest of voxels and of mask voxels of every scan that was accepted."""
    scans = pd.read_csv(place / "scans.tsv", sep="\t", dtype=str, keep_default_na=False)
    names = ["center", "patient", "time_point", "voxel_sha256", "reference_sha256"]
    return {tuple(row[:3]): tuple(row[3:]) for row in scans[names].itertuples(index=False, name=None)}


def without_code(place: Path, corpus: Corpus) -> list[str]:
    """Files that are neither in the index nor have a status row with a known code."""
    from ichor.dicom.archive import file_subject
    from ichor.private_tables import read_private

    status = pd.read_csv(place / "status.tsv", sep="\t", dtype=str, keep_default_na=False)
    assert set(status["reason"]) <= {"", *map(str, Reason)}
    coded = set(status["subject"])
    lost = []
    for center, folder in (("pacs", corpus.dicom), ("files", corpus.nifti)):
        sources = set(read_private(place / f"{center}.parquet", ["source"])["source"])
        archives = {source.split("//", 1)[0] for source in sources if "//" in source}
        members = {name for name in coded if name.startswith("file-")}
        for parent, _, files in os.walk(folder):  # links to folders are not entered and count as no file
            for name in files:
                path = os.path.join(parent, name)
                relative = os.path.relpath(path, folder)
                if center == "files" and not name.endswith(".nii.gz"):
                    continue
                if path in sources or path in archives or file_subject(KEY, center, relative) in coded:
                    continue
                if not members & _subjects_of_members(path, center, relative):
                    lost.append(relative)
    return lost


def _subjects_of_members(path: str, center: str, relative: str) -> set[str]:
    import zipfile

    from ichor.dicom.archive import file_subject
    from ichor.dicom.archives import archive_kind
    from ichor.dicom.tar_archives import walk
    from ichor.dicom.zip_archives import ArchiveError

    names: list[str] = []
    try:
        with open(path, "rb") as stream:
            kind = archive_kind(stream)
            if kind == "zip":
                names = zipfile.ZipFile(stream).namelist()
            elif kind:
                names += (member.name for member in walk(stream, kind))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError, ArchiveError):
        pass  # no archive: then the file itself must have a code, or it counts as lost
    return {file_subject(KEY, center, f"{relative}//{name}") for name in names}


def measure(place: Path, files: int, seed: int, patients: int = 2) -> tuple[list[Row], dict]:
    """Write the files, run the ingest on them and on the good series alone; rows and what became of the files."""
    corpus = write_corpus(place / "archive", files, seed, patients)
    alone = place / "alone"
    run_ingest(alone, corpus.good_dicom, corpus.good_nifti, corpus.good_masks)
    among = place / "among"
    before = everything_below(place, (among,))
    took = run_ingest(among, corpus.dicom, corpus.nifti, corpus.masks)
    after = everything_below(place, (among,))
    after.pop(str(place / "among.log"))
    changed = [
        path for path in before.keys() | after.keys() if before.get(path) != after.get(path) and path != str(place)
    ]
    good, found = voxels(alone), voxels(among)
    same = sum(found.get(scan) == digests for scan, digests in good.items())
    lost = without_code(among, corpus)
    status = pd.read_csv(among / "status.tsv", sep="\t", dtype=str, keep_default_na=False)
    made = sum(corpus.made.values())
    rows = [
        Row("hostile files", made, "files"),
        Row("good scans with the same voxels", same, f"of {len(good)}", aim="all", reached=same == len(good) > 0),
        Row("files without a code", len(lost), "files", aim="0", reached=not lost),
        Row("written or changed outside of the run", len(changed), "files", aim="0", reached=not changed),
        Row("files per second of CPU", made / took["cpu_s"], "files/s"),
        Row("wall time", took["wall_s"], "s"),
        Row("largest memory of the ingest itself", took["memory_mb"], "MB", aim="< 1,024 MB",
            reached=took["memory_mb"] < MEMORY_AIM_MB),
        Row("largest memory of a child", took["child_memory_mb"], "MB"),
    ]  # fmt: skip
    about = {
        "made": corpus.made,
        "codes": dict(Counter(status["reason"])),
        "lost": lost,
        "changed": changed,
        "different": [list(map(str, scan)) for scan in good if found.get(scan) != good[scan]],
    }
    return rows, about


def _ingest_and_tell(folders: list[Path]) -> None:
    import resource

    ingest(*folders)
    here, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    took = {
        "cpu_s": here.ru_utime + here.ru_stime + children.ru_utime + children.ru_stime,
        "memory_mb": here.ru_maxrss / 1024,
        "child_memory_mb": children.ru_maxrss / 1024,
    }
    Path("took.json").write_text(json.dumps(took))


def main() -> None:
    """Measure, and put the rows into the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5000, help="hostile files, about")
    parser.add_argument("--seed", type=int, default=1, help="of the files")
    parser.add_argument("--work", type=Path, help="folder for the files (a temporary one)")
    parser.add_argument("--keep", action="store_true", help="leave the files in the folder")
    parser.add_argument("--ingest", type=Path, nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ingest:
        _ingest_and_tell(options.ingest)
        return
    started = time.perf_counter()
    place = Path(tempfile.mkdtemp(prefix="hostile-", dir=options.work))
    try:
        rows, about = measure(place, options.files, options.seed)
    finally:
        if not options.keep:
            (place / "archive/dicom/special/closed").chmod(0o700)
            shutil.rmtree(place)
    save("hostile", rows, time.perf_counter() - started)
    results = json.loads(RESULTS.read_text())
    results["hostile"] |= {"seed": options.seed, **about}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    if not all(row.reached in (None, True) for row in rows):
        sys.exit(json.dumps({key: about[key][:20] for key in ("lost", "changed", "different")}, indent=1))


if __name__ == "__main__":
    main()
