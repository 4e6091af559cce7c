from ichor.progress import track


def test_a_log_gets_one_line_per_percent_at_most_and_the_last_one(capsys):
    assert list(track(range(1000), "convert")) == list(range(1000))
    lines = capsys.readouterr().err.splitlines()
    assert 100 <= len(lines) <= 101
    assert lines[-1].startswith("convert: 1000/1000 (100 %)") or "(100 %)" in lines[-1]


def test_nothing_to_do_is_silent(capsys):
    assert list(track([], "convert")) == []
    assert capsys.readouterr().err == ""
