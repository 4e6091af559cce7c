import copy
from pathlib import Path

import pandas as pd
import pytest
import yaml

from ichor import study
from ichor.errors import StudyError


@pytest.fixture
def config(repository):
    return yaml.safe_load((repository / "config/config.yaml").read_text())


def problem(config, change, files):
    changed = copy.deepcopy(config)
    change(changed)
    with pytest.raises(StudyError) as caught:
        study.check_config(changed, files)
    return str(caught.value)


def test_the_default_config_is_valid(config):
    study.check_config(config, [])


def test_every_key_of_the_schema_is_described(repository):
    def walk(node, path):
        for name, rule in node.get("properties", {}).items():
            assert rule.get("description") or "$ref" in rule, f"{path}.{name}"
            walk(rule, f"{path}.{name}")

    walk(yaml.safe_load((repository / "workflow/schemas/config.schema.yaml").read_text()), "config")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["segmentation"].update(fold=3), ["segmentation.fold", "unknown key", "folds"]),
        (lambda c: c.update(sed=1), ["sed", "did you mean seed"]),
        (lambda c: c.update(seed="one"), ["seed", "'one'", "integer"]),
        (lambda c: c["cohort"]["expansion"].update(definition="usual"), ["cohort.expansion.definition", "standard"]),
        (lambda c: c["validation"].update(folds=1), ["validation.folds", "found 1", "at least 2"]),
        (lambda c: c["ingest"].pop("duplicates"), ["ingest.duplicates", "missing"]),
        (lambda c: c["models"]["outcome"].update(new={"size": 1}), ["models.outcome.new.kind", "missing"]),
    ],
)
def test_a_wrong_config_says_key_found_and_expected(config, change, words):
    message = problem(config, change, [])
    for word in words:
        assert word in message


def test_a_wrong_key_is_traced_to_its_file(config, tmp_path):
    first, second = tmp_path / "defaults.yaml", tmp_path / "mine.yaml"
    first.write_text(yaml.safe_dump(config))
    second.write_text("validation: {folds: 1}\n")
    message = problem(config, lambda c: c["validation"].update(folds=1), [str(first), str(second)])
    assert message.startswith("mine.yaml: key validation.folds")


def test_a_wrong_value_of_the_command_line_is_not_blamed_on_a_file(config, tmp_path):
    (tmp_path / "defaults.yaml").write_text(yaml.safe_dump(config))
    message = problem(config, lambda c: c.update(seed="one"), [str(tmp_path / "defaults.yaml")])
    assert message.startswith("--config: key seed")


HEADER = "center\trole\tdicom\tnifti\timage_pattern\tmasks\tmask_pattern\tmask_labels\ttable\n"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("north\tdevelopment\t\t\t\t\t\t\t", ["row 2", "north", "neither"]),
        ("north\tdevelopment\t.\t.\t{patient}.nii.gz\t\t\t\t", ["both"]),
        ("north\tdevelopment\tnowhere\t\t\t\t\t\t", ["'nowhere'", "does not exist"]),
        ("north\ttest\t.\t\t\t\t\t\t", ["column role", "development, external", "'test'"]),
        ("north\tdevelopment\t\t.\tct.nii.gz\t\t\t\t", ["image_pattern", "{patient}"]),
        ("north\tdevelopment\t.\t\t\t.\t{patient}.nii.gz\t\t", ["mask_labels", "1=iph"]),
        ("North 1\tdevelopment\t.\t\t\t\t\t\t", ["lower-case", "'North 1'"]),
        ("north\tdevelopment\t.\t\t\t\t\t\t\nnorth\texternal\t.\t\t\t\t\t\t", ["row 3", "twice"]),
    ],
)
def test_a_wrong_centers_sheet_says_where_and_what(row, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sheet = Path("centers.tsv")
    sheet.write_text(HEADER + row + "\n")
    with pytest.raises(StudyError) as caught:
        study.read_centers(sheet)
    for word in ["centers.tsv", *words]:
        assert word in str(caught.value)


def test_columns_sheet_knows_centers_and_variables(tmp_path):
    centers = pd.DataFrame([dict(center="north", table="t.csv")]).set_index("center", drop=False)
    sheet = tmp_path / "columns.tsv"
    sheet.write_text("center\tvariable\tcolumn\nnorth\tpatient\tID\nnorth\tage_year\tAge\n")
    with pytest.raises(StudyError, match="row 3.*'age_year'; did you mean age_years"):
        study.read_columns(sheet, centers)
    sheet.write_text("center\tvariable\tcolumn\nnorth\tage_years\tAge\n")
    with pytest.raises(StudyError, match="north brings a table, but no row says which column is its patient"):
        study.read_columns(sheet, centers)


def test_the_centers_sheet_may_say_how_many_shards_a_center_has(tmp_path):
    row = "{name}\tdevelopment\t\t{folder}\t{{patient}}.nii.gz\t\t\t\t\t{shards}\n"
    rows = "".join(row.format(name=name, folder=tmp_path, shards=shards) for name, shards in (("a", 3), ("b", "")))
    sheet = tmp_path / "centers.tsv"
    sheet.write_text(HEADER.replace("\n", "\tshards\n") + rows)
    assert study.read_centers(sheet)["shards"].to_dict() == {"a": 3, "b": None}
    sheet.write_text(HEADER.replace("\n", "\tshards\n") + row.format(name="a", folder=tmp_path, shards=0))
    with pytest.raises(StudyError, match="row 2, column shards: expected at least 1, found .*0"):
        study.read_centers(sheet)
    sheet.write_text(HEADER.replace("\n", "\tshards\n") + row.format(name="a", folder=tmp_path, shards="two"))
    with pytest.raises(StudyError, match="row 2, column shards: expected a whole number, found 'two'"):
        study.read_centers(sheet)


def test_defaults_are_put_below_a_config_key_by_key_and_change_neither(tmp_path):
    (tmp_path / "defaults.yaml").write_text("a: {b: 1, c: [1, 2]}\nd: {e: 5}\nf: 6\n")
    given = {"a": {"c": [3]}, "d": None, "own": {"x": [1]}}
    merged = study.with_defaults(given, tmp_path / "defaults.yaml")
    assert merged == {"a": {"b": 1, "c": [3]}, "d": None, "f": 6, "own": {"x": [1]}}
    merged["own"]["x"].append(2)
    merged["a"]["c"].append(4)
    assert given == {"a": {"c": [3]}, "d": None, "own": {"x": [1]}}
    assert study.with_defaults(merged, tmp_path / "defaults.yaml") == merged


def test_reports_of_the_time_at_risk_are_refused():
    config = {"reports": {"hours_after_ct": 6.0}, "cohort": {"deterioration": {"at_risk_from_ct_h": 6.0}}}
    study.check_report_hours(config)
    config["reports"]["hours_after_ct"] = 12.0
    with pytest.raises(StudyError, match="at_risk_from_ct_h: 12"):
        study.check_report_hours(config)
