import stat

import pandas as pd
import pyarrow as pa
import pytest

from ichor.private_tables import private_folder, read_private, write_private, write_private_parts

SCHEMA = pa.schema([("a", pa.int64()), ("b", pa.string())])


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def part(*numbers):
    return pd.DataFrame({"a": numbers, "b": [str(number) for number in numbers]})


def test_parts_are_one_table_of_its_owner(tmp_path):
    write_private_parts([part(1, 2), part(), part(3)], SCHEMA, tmp_path / "table")
    assert read_private(tmp_path / "table").to_dict("list") == {"a": [1, 2, 3], "b": ["1", "2", "3"]}
    assert read_private(tmp_path / "table", ["b"], [("a", ">", 2)]).to_dict("list") == {"b": ["3"]}
    assert mode(tmp_path / "table") == 0o600
    write_private_parts([], SCHEMA, tmp_path / "empty")
    assert read_private(tmp_path / "empty").dtypes.astype(str).to_dict() == {"a": "int64", "b": "object"}


def test_a_table_is_written_whole_or_not_at_all(tmp_path):
    write_private(part(1), tmp_path / "table")

    def parts():
        yield part(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_private_parts(parts(), SCHEMA, tmp_path / "table")
    assert read_private(tmp_path / "table")["a"].tolist() == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["table"]


def test_same_rows_same_bytes(tmp_path):
    for name in "xy":
        write_private(part(1, 2), tmp_path / name)
        write_private_parts([part(1), part(2)], SCHEMA, tmp_path / (name * 2))
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()
    assert (tmp_path / "xx").read_bytes() == (tmp_path / "yy").read_bytes()


def test_a_folder_that_was_open_is_closed(tmp_path):
    (tmp_path / "a").mkdir(mode=0o755)
    assert mode(private_folder(tmp_path / "a")) == mode(private_folder(tmp_path / "b" / "c")) == 0o700
