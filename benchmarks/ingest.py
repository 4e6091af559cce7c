"""Ingest beside dcm2niix alone: seconds per scan, headers per second, memory of a worker, scaling over cores.

    python benchmarks/ingest.py [--patients 10] [--archive-patients 1000] [--repeats 3] [--work FOLDER]

Two archives are made. One holds whole simulated heads of matrix 512, with bone kernel, scout and contrast series beside
the right one, for the time per scan: convert, check and write, with one worker, against dcm2niix run on just these
series, both with and without compressing what is written. The other holds many small CT files, for the index: what is
read is the header, and headers do not get longer with the matrix. Each part is a process of its own, so that its memory
is its own.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rows import REPOSITORY, Row, row_of, run, save

sys.path.insert(0, str(REPOSITORY / "workflow"))  # the library is not installed: nothing is built

CENTER, KEY, SEED = "aurora", b"benchmark" * 4, 7
MATRIX = 512
FILES_PER_PATIENT = 40
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # as Snakemake starts a job of one core
AIM_TIMES, AIM_FILES_PER_S, AIM_MEMORY_MB = 2.0, 2000, 1024


def make_heads(folder: Path, patients: int) -> None:
    """Simulate a center of whole heads."""
    from ichor.simulate.center import simulate_center

    simulate_center(CENTER, folder, patients=patients, seed=SEED, matrix=MATRIX)


def make_archive(folder: Path, patients: int) -> None:
    """Write one series of small CT files per patient, in a folder per patient, with the header of a real file."""
    import io

    import numpy as np
    from pydicom import dcmread

    from ichor.simulate.dicom_writer import Exam, write_ct_series

    made = folder / "made"
    volume, affine = np.zeros((16, 16, FILES_PER_PATIENT), np.int16), np.diag([12.0, 12.0, 4.0, 1.0])
    write_ct_series(volume, affine, made, Exam("archive", "NUMBER"))
    slices = [dcmread(path) for path in sorted(made.rglob("*")) if path.is_file()]
    shutil.rmtree(made)
    for patient in range(patients):
        place = folder / f"{patient:06d}"
        place.mkdir(parents=True)
        for number, image in enumerate(slices):
            image.PatientID = f"{patient:06d}"
            image.StudyInstanceUID = f"1.2.826.0.1.3680043.8.498.{patient}"
            image.SeriesInstanceUID = f"{image.StudyInstanceUID}.1"
            image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = f"{image.SeriesInstanceUID}.{number}"
            written = io.BytesIO()
            image.save_as(written)
            (place / f"{number:04d}.dcm").write_bytes(written.getvalue())


def time_index(folder: str, workers: str) -> dict[str, float]:
    """Index a folder from nothing."""
    from ichor.dicom.index import index_center

    out = Path(folder).parent / f"index-{workers}"
    seconds, _ = timed(lambda: index_center(CENTER, folder, out, key=KEY, workers=int(workers)))
    return {"seconds": seconds, "memory_mb": _peaks_mb()}


def write_plain(data, affine, path: Path) -> None:
    """Write a volume as it is, in place of a compressed NIfTI."""
    from ichor.dicom.write import write_nifti

    write_nifti(data, affine, path.with_suffix(""))


def time_chain(folder: str, how: str) -> dict[str, float | list[list[str]]]:
    """Ingest the simulated heads with one worker. Says also which files were converted."""
    from ichor.dicom import convert
    from ichor.dicom.convert import convert_shard
    from ichor.dicom.index import index_center
    from ichor.dicom.select import select_series
    from ichor.private_tables import read_private

    if how == "uncompressed":
        convert.write_nifti = write_plain
    index = Path(folder).parent / "index-heads"
    spent = {}
    spent["index"], _ = timed(lambda: index_center(CENTER, folder, index, key=KEY))
    spent["select"], (selection, _, _) = timed(lambda: select_series(read_private(index), None, center=CENTER))
    images = Path(folder).parent / "images"
    shutil.rmtree(images, ignore_errors=True)
    spent["convert"], (scans, _) = timed(lambda: convert_shard(selection[0], CENTER, images))
    taken = selection[0][selection[0]["rank"] == 1]
    groups = [rows["source"].tolist() for _, rows in taken.groupby(["patient", "time_point"])]
    return {**spent, "scans": len(scans), "memory_mb": _peaks_mb(), "sources": groups}


def time_dcm2niix(sources: list[list[str]], work: Path, compressed: str) -> tuple[float, int]:
    """Seconds per series that dcm2niix alone takes, one process each, as a script around it would, and how many it did.

    A series of which it writes nothing does not count.
    """
    from ichor.dicom.dcm2niix import find_dcm2niix

    total, done = 0.0, 0
    for number, files in enumerate(sources):
        staged, out = work / f"staged-{number}", work / f"out-{number}"
        shutil.rmtree(out, ignore_errors=True)
        for folder in (staged, out):
            folder.mkdir(parents=True, exist_ok=True)
        for position, file in enumerate(files):
            link = staged / f"{position}.dcm"
            link.unlink(missing_ok=True)
            link.symlink_to(Path(file).absolute())
        command = [find_dcm2niix(), "-z", compressed, "-b", "y", "-f", "scan", "-o", str(out), str(staged)]
        seconds, _ = timed(lambda command=command: subprocess.run(command, check=False, capture_output=True))
        if any(out.iterdir()):
            total, done = total + seconds, done + 1
    if not done:
        raise RuntimeError("dcm2niix wrote nothing")
    return total / done, done


def time_pydicom(folder: Path) -> float:
    """Seconds that pydicom takes to read all headers, nothing done with them."""
    from pydicom import dcmread

    files = [path for path in folder.rglob("*") if path.is_file()]
    return timed(lambda: [dcmread(path, stop_before_pixels=True).get("PatientID") for path in files])[0]


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Seconds that something takes, and what it returns."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def _peaks_mb() -> float:
    """Largest memory of this process or one of its children, MB."""
    import resource

    from ichor.machine import peak_memory_mb

    # a child's figure begins with what it shared with this process when it was started: an upper bound
    return max(peak_memory_mb() or 0.0, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)


def alone(part: str, *arguments: object) -> dict:
    """Run a part of this benchmark in a process of its own and return what it says."""
    output = run([sys.executable, __file__, "--part", part, *map(str, arguments)], env=ONE_THREAD).output
    return json.loads(output.strip().splitlines()[-1])


def scan_rows(work: Path, patients: int, repeats: int) -> list[Row]:
    """Rows of the time per scan."""
    heads = work / "heads"
    make_heads(heads, patients)
    rows = []
    for how, option in {"uncompressed": "n", "compressed": "y"}.items():
        chain = [alone("time_chain", heads / "dicom", how) for _ in range(repeats)]
        scans, sources = chain[0]["scans"], chain[0]["sources"]
        peer, done = zip(*(time_dcm2niix(sources, work / "peer", option) for _ in range(repeats)), strict=True)
        spent = {name: [one[name] / scans for one in chain] for name in ("index", "select", "convert")}
        about = f"{scans} scans of matrix {MATRIX}, {how}, 1 worker"
        peer_s = sorted(peer)[repeats // 2]
        times = sorted(spent["convert"])[repeats // 2] / peer_s
        aim = {"aim": f"<= {AIM_TIMES} x", "reached": times <= AIM_TIMES} if how == "uncompressed" else {}
        words = f"dcm2niix alone on {min(done)} of the same {len(sources)} series: {peer_s:.3f} s ({times:.2f} x)"
        rows.append(row_of(f"conversion of a scan with all checks; {about}", spent["convert"], "s", peer=words, **aim))
        rest = [index + select for index, select in zip(spent["index"], spent["select"], strict=True)]
        rows.append(row_of(f"index and selection for a scan, with the series beside it; {about}", rest, "s"))
    memory = [one["memory_mb"] for one in chain]
    rows.append(
        row_of("memory of an ingest worker", memory, "MB", aim=f"< {AIM_MEMORY_MB} MB",
               reached=max(memory) < AIM_MEMORY_MB)
    )  # fmt: skip
    return rows


def index_rows(work: Path, patients: int, repeats: int) -> list[Row]:
    """Rows of the index."""
    archive = work / "archive"
    make_archive(archive, patients)
    files = patients * FILES_PER_PATIENT
    raw = [files / time_pydicom(archive) for _ in range(repeats)]
    rows = []
    for workers in (1, 2):
        spent = [alone("time_index", archive, workers) for _ in range(repeats)]
        rate = [files / one["seconds"] for one in spent]
        median = sorted(rate)[repeats // 2]
        rows.append(
            row_of(
                f"index of {patients:,} patients with {files:,} files, {workers} worker{'s' * (workers > 1)}", rate,
                "files/s", peer=f"pydicom alone: {sorted(raw)[repeats // 2]:.0f} files/s",
                **({"aim": f">= {AIM_FILES_PER_S}", "reached": median >= AIM_FILES_PER_S} if workers == 1 else {}),
            )
        )  # fmt: skip
        rows.append(row_of(f"memory of the index, {workers} workers", [one["memory_mb"] for one in spent], "MB"))
    return rows


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=10, help="simulated heads of matrix 512")
    parser.add_argument("--archive-patients", type=int, default=1_000, help=f"with {FILES_PER_PATIENT} files each")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--work", type=Path, help="folder for the archives (a temporary one)")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        name, *arguments = options.part
        print(json.dumps({"time_index": time_index, "time_chain": time_chain}[name](*arguments)))
        return
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="ingest-", dir=options.work) as place:
        rows = [
            *index_rows(Path(place), options.archive_patients, options.repeats),
            *scan_rows(Path(place), options.patients, options.repeats),
        ]
    save("ingest", rows, time.perf_counter() - started)


if __name__ == "__main__":
    main()
