"""A second study of the same user takes what the first one made, from the store that both name."""

import json
import stat
from pathlib import Path

from tests.snakemake_run import snakemake


def ingest(directory: Path, store: Path) -> dict[str, bool]:
    """Run the ingest of a tiny simulated cohort; say for each job whether it was kept."""
    config = {"simulate": {"patients_per_center": 2, "matrix": 64}, "store": {"folder": str(store)}}
    done = snakemake(directory, "ingest", config=config)
    assert done.returncode == 0, done.stderr[-3000:]
    return {
        f"{path.parent.name} {path.stem}": json.loads(path.read_text())["kept"]
        for path in directory.glob("work/records/*/*.json")
    }


def inodes(directory: Path) -> set[int]:
    """What the names of all images below a study's results stand for."""
    return {path.stat().st_ino for path in (directory / "results").rglob("*.nii.gz")}


def test_a_study_elsewhere_starts_from_what_was_made_before(tmp_path):
    first, second = ingest(tmp_path / "one", tmp_path / "store"), ingest(tmp_path / "two", tmp_path / "store")
    assert not any(first.values()) and first.keys() == second.keys()
    done = {job for job, kept in second.items() if not kept}
    # An archive has no content hash, and the times of its files, which the index and the selection hold, are others.
    # A BIDS data set is links to images, and never kept.
    assert {job.split()[0] for job in done} == {"index_center", "select_center", "bids_center"}
    for name in ("scans.tsv", "patients.tsv"):
        assert (tmp_path / "one/results" / name).read_bytes() == (tmp_path / "two/results" / name).read_bytes()
    ours, theirs = (inodes(tmp_path / name) for name in ("one", "two"))
    assert ours and theirs and not ours & theirs  # copies: the studies share no file
    images = sorted((tmp_path / "two/results/images").rglob("*_ct.nii.gz"))
    assert images and all(image.stat().st_nlink == 2 for image in images)  # itself and its name in results/bids
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700
