import hashlib

import pandas as pd

from ichor.jobs.hashes import content, files_below, value_sha256


def test_a_file_is_its_sha256_and_size(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert content(tmp_path / "a") == (hashlib.sha256(b"abc").hexdigest(), 3)


def test_what_is_not_there_has_no_content(tmp_path):
    assert content(tmp_path / "nothing") == (None, 0)


def test_a_folder_is_its_names_and_contents_but_not_its_place_or_snakemake_s_mark(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "b").write_bytes(b"22")
        (tmp_path / name / "a").write_bytes(b"1")
    (tmp_path / "two" / ".snakemake_timestamp").touch()
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert content(tmp_path / "one")[1] == 3
    (tmp_path / "two" / "a").rename(tmp_path / "two" / "c")
    assert content(tmp_path / "one")[0] != content(tmp_path / "two")[0]


def test_files_come_in_one_order(tmp_path):
    for name in ("b", "a", "c/d", "c/a"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [str(path.relative_to(tmp_path)) for path in files_below(tmp_path)] == ["a", "b", "c/a", "c/d"]


def test_a_table_is_its_columns_types_and_values():
    table = pd.DataFrame({"patient": ["p1", "p2"], "age_years": [50.0, None]})
    same = value_sha256(table)
    assert value_sha256(table.copy()) == same
    assert value_sha256(table.set_axis([7, 8])) == same
    others = [
        table.rename(columns={"age_years": "age"}),
        table[["age_years", "patient"]],
        table.astype({"age_years": object}),
        table.assign(age_years=[50.0, 0.0]),
        table[::-1],
    ]
    assert len({same, *map(value_sha256, others)}) == len(others) + 1


def test_a_plain_value_does_not_depend_on_the_order_of_its_keys():
    assert value_sha256({"a": 1, "b": [2]}) == value_sha256({"b": [2], "a": 1}) != value_sha256({"a": 1, "b": [3]})
