"""A study of public data sets, planned: presets fill the sheets, and sets that share patients stop it."""

from tests.snakemake_run import snakemake
from tests.unit import preset_layouts


def public(directory, *sets):
    """Write a study of public sets, given as (center, role, preset, kind of its scans); return its config."""
    rows = ["center\trole\tdicom\tnifti\tpreset"]
    for center, role, preset, kind in sets:
        preset_layouts.BUILDERS[preset](directory / preset)
        folders = (preset, "") if kind == "dicom" else ("", preset)
        rows.append("\t".join((center, role, *folders, preset)))
    (directory / "centers.tsv").write_text("\n".join(rows) + "\n")
    return {"centers": "centers.tsv", "columns": None, "segmentation": {"labels": ["iph"]}}


def test_sets_that_share_patients_stop_before_any_job_unless_the_config_says_otherwise(tmp_path):
    config = public(tmp_path, ("one", "development", "bhsd", "nifti"), ("two", "external", "rsna2019", "dicom"))
    done = snakemake(tmp_path, "-n", "segmentation", config=config)
    said = done.stdout + done.stderr
    assert done.returncode != 0 and "centers one (bhsd) and two (rsna2019)" in said and "Traceback" not in said
    done = snakemake(tmp_path, "-n", "segmentation", config=config | {"ingest": {"duplicates": "set_aside"}})
    said = done.stdout + done.stderr
    assert done.returncode == 0 and "may be in two centers: centers one (bhsd) and two (rsna2019)" in said


def test_a_folder_and_a_preset_are_enough_for_patients_scans_and_bids(tmp_path):
    config = public(tmp_path, ("two", "development", "digitalcsic14706", "nifti"))
    config |= {"validation": {"schemes": ["cv"]}}
    (tmp_path / "digitalcsic14706/ICH_nii/GOOD_PROGNOSIS/12.nii.gz").unlink()
    done = snakemake(tmp_path, "results/bids/two", config=config)
    assert done.returncode == 0, done.stdout + done.stderr
    header, *people = (tmp_path / "results/bids/two/participants.tsv").read_text().splitlines()
    assert "death_in_hospital" in header and len(people) == 1
    assert "on request" in (tmp_path / "results/bids/two/dataset_description.json").read_text()
    again = snakemake(tmp_path, "-n", "results/bids/two", config=config)
    assert "Nothing to be done" in again.stdout + again.stderr
