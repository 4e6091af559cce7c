"""Each job depends on the content of its script and of all that the script imports, and on nothing else.

The truth is found another way: `modulefinder` of the standard library follows the imports in the compiled scripts.
"""

import shutil
from modulefinder import ModuleFinder

import pytest
from tests.snakemake_run import REPOSITORY, snakemake

from ichor import reruns, tables
from ichor.models import registry

LIBRARY = REPOSITORY / "workflow" / "ichor"
SCRIPTS = sorted((REPOSITORY / "workflow" / "scripts").glob("*.py"))
MODULES = sorted(path for path in LIBRARY.rglob("*.py") if path != LIBRARY / "__init__.py")


def name_of(path):
    return ".".join(["ichor", *path.relative_to(LIBRARY).with_suffix("").parts]).removesuffix(".__init__")


def truly_imported(file):
    """Modules of the library that a file reaches, by its bytecode."""
    finder = ModuleFinder(path=[str(REPOSITORY / "workflow")])
    finder.run_script(str(file))
    return {name for name, module in finder.modules.items() if name.startswith("ichor.") and module.__file__}


@pytest.fixture(scope="module")
def truth():
    return {script.stem: truly_imported(script) for script in SCRIPTS}


def test_the_modules_of_every_script_are_those_that_python_finds(truth):
    assert len(truth) > 20 and len(MODULES) > 100
    for script in SCRIPTS:
        found = {name for name in reruns.code_parts(script) if name.startswith("ichor.")}
        assert found == truth[script.stem], script.stem


def test_a_kind_of_model_that_is_known_by_name_brings_its_own_imports():
    script = REPOSITORY / "workflow/scripts/fit_model.py"
    for kind in registry.kinds():
        found = {name for name in reruns.code_parts(script, [f"ichor.models.{kind}"]) if name.startswith("ichor.")}
        assert found == truly_imported(script) | truly_imported(registry.module_path(kind)) | {f"ichor.models.{kind}"}


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the library and scripts that may be edited."""
    shutil.copytree(REPOSITORY / "workflow", tmp_path / "workflow", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(reruns, "PACKAGE", tmp_path / "workflow" / "ichor")
    monkeypatch.setattr(tables, "SCHEMAS", tmp_path / "workflow" / "schemas")
    return tmp_path / "workflow"


def digests(workflow):
    reruns._facts.cache_clear()
    return {path.stem: reruns.code_digest(path) for path in sorted((workflow / "scripts").glob("*.py"))}


def test_an_edit_of_each_module_in_turn_changes_the_jobs_that_import_it_and_no_others(copy, truth):
    before = digests(copy)
    for path in MODULES:
        file = copy / "ichor" / path.relative_to(LIBRARY)
        original = file.read_bytes()
        file.write_bytes(original + b"\nADDED = 1\n")
        after = digests(copy)
        file.write_bytes(original)
        changed = {script for script in before if after[script] != before[script]}
        assert changed == {script for script, modules in truth.items() if name_of(path) in modules}, name_of(path)


def test_comments_docstrings_layout_and_time_stamps_of_all_modules_change_nothing(copy):
    before = digests(copy)
    for file in [*copy.rglob("ichor/**/*.py"), *copy.glob("scripts/*.py")]:
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join([*lines, "\n\n# a comment\n"]))
        if lines[0].startswith('"""') and lines[0].rstrip().endswith('"""') and len(lines[0]) > 10:
            file.write_text("".join(['"""Another docstring."""\n', *lines[1:]]))
    assert digests(copy) == before


def test_a_schema_counts_for_the_jobs_that_use_its_table_but_not_its_descriptions(copy):
    before = digests(copy)
    file = copy / "schemas" / "truth.schema.yaml"
    text = file.read_text()
    file.write_text("# a comment\n" + text.replace('description: "', 'description: "Really: '))
    assert digests(copy) == before
    file.write_text(text.replace("additionalProperties: false", "additionalProperties: true"))
    after = digests(copy)
    assert {script for script in before if after[script] != before[script]} == {
        "deterioration_page",
        "evaluate",
        "evaluate_trajectory",
        "expansion_study",
        "link_truth",
        "outcome_study",
    }


def test_snakemake_plans_what_the_digests_say(tmp_path):
    """The same seen from outside: a clone with one edited module plans the jobs that import it."""
    clone = tmp_path / "clone"
    ignored = shutil.ignore_patterns(".git", ".venv", "results", "work", "logs", ".snakemake", "__pycache__")
    shutil.copytree(REPOSITORY, clone, ignore=ignored, symlinks=True)
    study = tmp_path / "study"
    small = {"simulate": {"patients_per_center": 2, "matrix": 64}}
    wanted = ["results/simulated/aurora/truth.tsv", "results/records/aurora.tsv"]
    assert snakemake(study, *wanted, config=small, repository=clone).returncode == 0

    def planned():
        done = snakemake(study, "-n", *wanted, config=small, repository=clone)
        assert done.returncode == 0, done.stderr
        return {rule for rule in ("simulate_center", "harmonise_center") if f"rule {rule}" in done.stdout + done.stderr}

    assert planned() == set()
    for file in clone.rglob("workflow/**/*.py"):
        file.touch()
    assert planned() == set()
    moved = tmp_path / "moved"
    clone.rename(moved)
    clone = moved
    assert planned() == set()
    values = clone / "workflow/ichor/cohort/values.py"
    values.write_text(values.read_text() + "\nADDED = 1\n")
    assert planned() == {"harmonise_center"}
    anatomy = clone / "workflow/ichor/simulate/anatomy.py"
    anatomy.write_text(anatomy.read_text() + "\nADDED = 1\n")
    assert planned() == {"simulate_center", "harmonise_center"}
