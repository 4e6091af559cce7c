"""A cluster without accounting: where the executor's own status command waits for ever, the profile's does not."""

from tests.slurm.cluster_run import nifti_study, run


def test_a_run_ends_and_its_jobs_were_slurms(slurm_without_database, tmp_path):
    study = nifti_study(tmp_path / "study", ["north", "south"])
    status, text = run(study, "merge_scans")
    assert status == 0, text[-4000:]
    rows = slurm_without_database.run("squeue", "-h", "-t", "all", "-o", "%T|%P|%Z|%k").splitlines()
    ended = sorted(row.split("|")[3].removeprefix("rule_") for row in rows if f"COMPLETED|cpu|{study}|" in row)
    assert ended == [
        "convert_shard_wildcards_north_0",
        "convert_shard_wildcards_south_0",
        "index_center_wildcards_north",
        "index_center_wildcards_south",
    ]
    assert len(rows) == 4, rows
    assert (study / "results/scans.tsv").read_text().count("\n") == 5
