import pytest

from ichor import reruns


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "ichor"
    (folder / "imaging").mkdir(parents=True)
    (folder / "imaging" / "__init__.py").write_text('"""Imaging."""\n')
    (folder / "tables.py").write_text("COLUMNS = 3\n")
    (folder / "imaging" / "geometry.py").write_text(
        "from ichor import tables\n\n\ndef f():\n    return tables.COLUMNS\n"
    )
    (folder / "alone.py").write_text("x = 1\n")
    script = tmp_path / "job.py"
    script.write_text("from ichor.imaging.geometry import f\n\nf()\n")
    monkeypatch.setattr(reruns, "PACKAGE", folder)

    def digest(*modules):
        reruns._facts.cache_clear()
        return reruns.code_digest(script, modules)

    return folder, script, digest


@pytest.mark.parametrize("file", ["tables.py", "imaging/geometry.py"])
def test_an_edit_of_any_module_that_is_reached_changes_the_digest(package, file):
    folder, _, digest = package
    before = digest()
    path = folder / file
    path.write_text(path.read_text() + "\nnew = 1\n")
    assert digest() != before


def test_an_edit_of_the_script_changes_the_digest(package):
    _, script, digest = package
    before = digest()
    script.write_text(script.read_text() + "f()\n")
    assert digest() != before


def test_comments_docstrings_layout_and_unrelated_modules_change_nothing(package):
    folder, script, digest = package
    before = digest()
    script.write_text('"""A docstring."""\n\nfrom ichor.imaging.geometry import f  # why\n\n\nf()\n')
    (folder / "imaging" / "geometry.py").write_text(
        'from ichor import tables\ndef f():\n    """Say what it does."""\n    return tables.COLUMNS\n'
    )
    (folder / "alone.py").write_text("x = 2\n")
    assert digest() == before


def test_a_module_that_is_only_known_by_name_counts_when_named(package):
    folder, _, digest = package
    before = digest("ichor.alone")
    assert before != digest()
    (folder / "alone.py").write_text("x = 2\n")
    assert digest("ichor.alone") != before
