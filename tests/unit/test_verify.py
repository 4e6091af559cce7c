"""Two made runs whose differences are known: in tables, in what explains them, and in the words for them."""

import copy
import json

import pytest

from ichor import provenance, tables
from ichor.errors import StudyError
from ichor.jobs.hashes import file_sha256
from ichor.verify import causes, waists
from ichor.verify.compare import compare
from ichor.verify.runs import Run, other_run, read_run
from ichor.verify.wording import describe

TABLE = "results/predictions/outcome/logistic/external.parquet"
MACHINE = {"system": "Linux", "architecture": "x86_64", "processor": "P", "cores": 2, "memory_gb": 8.0}
CONFIG = {"study": {"name": "made"}, "seed": 1, "models": {"outcome": {"logistic": {"features": ["gcs"]}}}}


def prediction(patient, probability, role="test", label=0, seed=0):
    return dict(
        task="outcome",
        target="poor_outcome",
        model="logistic",
        split="external",
        patient=patient,
        center="north",
        role=role,
        time="baseline",
        label=label,
        probability=probability,
        seed=seed,
    )


def metric(quantity, estimate, center="all"):
    about = dict(task="outcome", target="poor_outcome", model="logistic", split="external", center=center)
    return about | dict(quantity=quantity, estimate=estimate, n=10, events=4, reason=None)


def mask(patient, iph_ml, ivh_ml=0.0):
    return dict(split="external", patient=patient, center="north", time_point="baseline", mask="m", model="fold-0",
                iph_ml=iph_ml, ivh_ml=ivh_ml)  # fmt: skip


def job(rule, inputs, outputs, **given):
    made = dict(rule=rule, wildcards={}, threads=1, code={"script": "c"}, params={"seed": 1, "code": "x"})
    return made | dict(inputs=inputs, outputs=outputs, packages={"numpy": "2"}, python="3.11.2") | given


@pytest.fixture
def write(tmp_path):
    """Write a run whose tables are `rows`: {path: (table, rows)}; returns its folder."""

    def _write(name, rows, jobs=(), config=CONFIG, **given):
        folder = tmp_path / name
        for path, (table, lines) in rows.items():
            tables.write(table, tables.frame(table, lines), folder / path)
        outputs = provenance.files(folder, rows)
        record = dict(ichor="1", python="3.11.2", seed=1, written="2026", machine=MACHINE, packages={"numpy": "2"})
        hashes = {entry["path"]: {"sha256": entry["sha256"]} for entry in outputs}
        jobs = [item | {"outputs": {path: hashes[path] for path in item["outputs"]}} for item in jobs]
        record |= dict(config=config, inputs=[], outputs=outputs, **provenance.share(jobs)) | given
        provenance.write(folder / "results/provenance.json", record)
        return folder

    return _write


def figures(rows):
    return {row["quantity"]: row["difference"] for row in rows}


def paths(write, table, path, here, other):
    return write("here", {path: (table, here)}) / path, write("other", {path: (table, other)}) / path


def test_predictions_that_moved_by_known_steps(write):
    """Differences .1, 0, .3, .3: largest .3, median .2. Order a<b<c<d against b<a<d<c: four ranks."""
    here = [prediction("a", 0.1), prediction("b", 0.15), prediction("c", 0.5), prediction("d", 0.6)]
    other = [prediction("d", 0.3), prediction("c", 0.8), prediction("b", 0.15, label=1), prediction("a", 0.2)]
    found = figures(waists.predictions(*paths(write, "predictions", TABLE, here, other)))
    assert found["max_abs_difference"] == pytest.approx(0.3)
    assert found["median_abs_difference"] == pytest.approx(0.2)
    assert (found["rows"], found["labels_changed"], found["ranks_changed"]) == (0, 1, 4)


def test_ranks_are_compared_within_a_role_and_ties_share_one(write):
    here = [prediction("a", 0.2), prediction("b", 0.2), prediction("c", 0.1, role="tune")]
    other = [prediction("a", 0.3), prediction("b", 0.3), prediction("c", 0.9, role="tune")]
    found = figures(waists.predictions(*paths(write, "predictions", TABLE, here, other)))
    assert found["ranks_changed"] == 0 and found["max_abs_difference"] == pytest.approx(0.8)


def test_patients_that_only_one_table_has_are_counted_and_do_not_enter_the_differences(write):
    here = [prediction("a", 0.1), prediction("b", 0.2)]
    other = [prediction("a", 0.1), prediction("x", 0.9), prediction("y", 0.9)]
    files = paths(write, "predictions", TABLE, here, other)
    found = waists.predictions(*files)
    assert figures(found) == {
        "rows": 3, "labels_changed": 0, "max_abs_difference": 0, "median_abs_difference": 0, "ranks_changed": 0
    }  # fmt: skip
    assert not waists.equal(found) and waists.equal(waists.predictions(files[0], files[0]))
    strangers = [prediction("z", 0.5)]
    assert figures(waists.predictions(*paths(write, "predictions", TABLE, here, strangers))) == {"rows": 3}


def test_a_patient_twice_in_a_table_is_an_error_not_a_product(write):
    twice = [prediction("a", 0.1), prediction("a", 0.2)]
    with pytest.raises(StudyError, match="two rows"):
        waists.predictions(*paths(write, "predictions", TABLE, twice, twice))


def test_metrics_list_the_estimates_that_differ_and_by_how_much(write):
    here = [metric("auc", 0.75), metric("brier", 0.2), metric("ppv", None), metric("npv", None)]
    other = [metric("auc", 0.5), metric("brier", 0.2), metric("ppv", 0.4), metric("npv", None)]
    found = waists.metrics(*paths(write, "metrics", "results/evaluation/metrics.tsv", here, other))
    assert [(row["quantity"], row["difference"]) for row in found] == [("rows", 0), ("auc", 0.25), ("ppv", None)]
    assert found[1]["name"] == "outcome/poor_outcome/logistic/external/all" and not waists.equal(found)


def test_masks_differ_in_mL(write):
    """Changes of 2, 0 and 5 mL in two directions: largest 5, median 2; one volume that only one run has."""
    here = [mask("a", 12.0), mask("b", 5.0), mask("c", 6.0), mask("d", 1.0)]
    other = [mask("a", 10.0), mask("b", 5.0), mask("c", 11.0), mask("d", None)]
    (found,) = waists.masks(*paths(write, "masks", "results/masks.tsv", here, other)).values()
    got = figures(found)
    assert (got["iph_ml_max_abs_difference"], got["iph_ml_median_abs_difference"]) == (5, 2)
    assert got["iph_ml_scans_changed"] == 3 and got["ivh_ml_scans_changed"] == 0
    assert got["iph_ml_sum"] == 24 - 26


def chain(weights="w", spec="s", cohort="c"):
    """Jobs evaluate <- predict <- fit <- cohort, with their ingredients."""
    return [
        job("assemble", {"scans.tsv": cohort}, ["results/cohort/external.tsv"]),
        job("fit", {"results/cohort/external.tsv": cohort}, ["work/weights"], params={"spec": {"alpha": spec}}),
        job("predict", {"work/weights": weights}, [TABLE]),
    ]


def causes_of(path, here, other, **given):
    record = dict(machine=MACHINE) | given
    runs = [
        Run(
            record | dict(outputs=[], jobs=[item | {"outputs": dict.fromkeys(item["outputs"])} for item in jobs]),
            None,
            "",
        )
        for jobs in (here, other)
    ]
    return causes.explainer(*runs)(path)


def test_a_difference_is_explained_by_the_first_thing_that_differed_on_its_way():
    assert causes_of(TABLE, chain(), chain(weights="v", spec="t")) == ["parameter spec.alpha of fit"]
    assert causes_of(TABLE, chain(), chain(weights="v", cohort="d")) == ["input scans.tsv"]
    newer = copy.deepcopy(chain(weights="v"))
    newer[1]["packages"] = {"numpy": "3"}
    newer[1]["code"] = {"script": "c", "ichor.models.logistic": "new"}
    assert causes_of(TABLE, chain(), newer) == ["code of fit", "packages of fit"]


def test_an_equal_job_with_another_output_is_explained_by_the_machine_or_by_nothing():
    assert causes_of(TABLE, chain(), chain()) == []
    here, other = (Run(dict(machine=MACHINE | {"processor": p}, outputs=[], jobs=chain()), None, "") for p in "PQ")
    assert causes.explainer(here, other)(TABLE) == ["machine processor"]
    threads = chain()
    threads[2] = threads[2] | {"threads": 2}
    assert causes_of(TABLE, chain(), threads) == ["threads of predict"]


def test_a_file_that_differs_where_the_job_does_not_look_explains_nothing():
    def reading(cohort, part):
        jobs = chain(cohort=cohort)
        jobs[1]["read"] = {"cohort": [part]}
        return jobs

    assert causes_of("work/weights", reading("c", "same"), reading("d", "same")) == []
    assert causes_of("work/weights", reading("c", "one"), reading("d", "two")) == ["input scans.tsv"]


def test_the_digest_of_the_code_is_no_parameter():
    assert causes.ingredients(job("a", {}, [], params={"code": "1"}), job("a", {}, [], params={"code": "2"})) == []


def two_runs(write, other_rows, other_jobs=None, **given):
    here = [prediction("a", 0.1), prediction("b", 0.2)]
    jobs = [job("predict_model", {}, [TABLE])]
    folders = (
        write("here", {TABLE: ("predictions", here)}, jobs),
        write("other", {TABLE: ("predictions", other_rows)}, other_jobs or jobs, **given),
    )
    return [read_run(folder) for folder in folders]


def test_two_equal_runs_are_equal_in_everything(write):
    here, other = two_runs(write, [prediction("a", 0.1), prediction("b", 0.2)])
    table = compare(here, other)
    assert set(table["name"]) == {"all"} and set(table["verdict"]) == {"equal"}
    text = describe(table, here, other)
    assert "equal: 1 of 1 prediction tables" in text and "All results are equal." in text


def test_other_predictions_with_another_parameter_are_explained_with_the_amount(write):
    other_jobs = [job("predict_model", {}, [TABLE], params={"seed": 2})]
    config = CONFIG | {"seed": 2}
    here, other = two_runs(write, [prediction("a", 0.1), prediction("b", 0.6)], other_jobs, config=config, seed=2)
    table = compare(here, other)
    row = table[(table["subject"] == "predictions") & (table["quantity"] == "max_abs_difference")].iloc[0]
    assert row["difference"] == pytest.approx(0.4) and row["name"] == "outcome/logistic/external"
    assert (row["verdict"], row["why"]) == ("explained", "parameter seed of predict_model")
    config = table[(table["subject"] == "config") & (table["name"] == "seed")].iloc[0]
    assert (config["here"], config["other"], config["verdict"]) == ("1", "2", "different")
    text = describe(table, here, other)
    assert "equal: 0 of 1 prediction tables" in text and "different: the seed" in text
    assert "max_abs_difference: 0.4" in text
    assert "Every difference is explained by: parameter seed of predict_model." in text


def test_other_predictions_from_the_same_ingredients_are_called_unexplained(write):
    here, other = two_runs(write, [prediction("a", 0.1), prediction("b", 0.6)])
    table = compare(here, other)
    odd = table[table["verdict"] == "unexplained"]
    assert set(odd["subject"]) == {"outputs", "predictions"} and odd["why"].isna().all()
    assert f"NOT EXPLAINED: {TABLE}" in describe(table, here, other)


def test_tables_that_are_not_there_or_were_changed_since_are_not_compared(write):
    here, other = two_runs(write, [prediction("a", 0.1), prediction("b", 0.6)])
    (other.folder / TABLE).write_bytes((here.folder / TABLE).read_bytes())
    row = compare(here, other).query("subject == 'predictions' and name != 'all'").iloc[0]
    assert row["verdict"] == "not_compared"
    (other.folder / TABLE).unlink()
    table = compare(here, other)
    assert table.query("subject == 'predictions' and name != 'all'").iloc[0]["verdict"] == "not_compared"
    assert "1 tables could not be compared" in describe(table, here, other)


def test_a_table_of_one_run_only_is_said_to_be(write):
    here = read_run(write("here", {TABLE: ("predictions", [prediction("a", 0.1)])}))
    other = read_run(write("other", {}))
    table = compare(here, other)
    rows = table[table["name"].isin([TABLE, "outcome/logistic/external"])]
    assert set(rows["subject"]) == {"outputs", "predictions"} and set(rows["verdict"]) == {"only_here"}


def test_runs_without_records_of_jobs_are_explained_by_what_differs_as_a_whole(write):
    changed = json.loads(json.dumps(CONFIG))
    changed["models"]["outcome"]["logistic"]["features"] = ["gcs", "age_years"]
    here = read_run(write("here", {TABLE: ("predictions", [prediction("a", 0.1)])}))
    other = read_run(write("other", {TABLE: ("predictions", [prediction("a", 0.2)])}, config=changed))
    row = compare(here, other).query("subject == 'outputs' and name != 'all'").iloc[0]
    assert (row["verdict"], row["why"]) == ("explained", "config models.outcome.logistic.features")


def test_a_run_is_named_by_its_folder_or_its_file(write):
    folder = write("here", {TABLE: ("predictions", [prediction("a", 0.1)])})
    for place in (folder, folder / "results/provenance.json"):
        run = read_run(place)
        assert run.name == "made" and run.table(TABLE) is not None
        assert run.outputs == {TABLE: file_sha256(folder / TABLE)}


def test_what_cannot_be_compared_is_said(write, tmp_path):
    own = write("here", {}) / "results/provenance.json"
    for other, words in [(None, "which run"), (str(own.parent.parent), "this study itself"), ("gone", "found no file")]:
        with pytest.raises(StudyError, match=words):
            other_run(other, own)
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "b.json").write_text("<html>")
    for name, words in [("a.json", "has no ichor"), ("b.json", "not a JSON file")]:
        with pytest.raises(StudyError, match=words):
            read_run(tmp_path / name)
