"""What a job's code is: its script, every library module that the script imports, directly or not, and their schemas.

Snakemake watches a rule's script but not what the script imports. A digest of the imported sources among the rule's
``params`` closes the gap: an edit reruns what uses the module, while a comment, a docstring or a touched file does not.
Imports are found by reading the sources, so no list has to be kept by hand. The tables that a module reads and writes
are found the same way, and their schemas count too, without their descriptions.
"""

import ast
import atexit
import hashlib
import json
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ichor import remembered, tables

PACKAGE = Path(__file__).resolve().parent
FACTS = Path("work/code/facts.json")  # what sources say, by their content: every start and every job asks for it
FACTS_AT_MOST = 2000


def code_digest(script: str | Path, modules: Iterable[str] = (), files: Iterable[Path] = ()) -> str:
    """Digest of a script and all that it reaches.

    Parameters
    ----------
    script, modules, files
        As in :func:`code_parts`.

    Returns
    -------
    str
        12 hexadecimal digits.
    """
    return digest_of(code_parts(script, modules, files))


def digest_of(parts: dict[str, str]) -> str:
    """Digest of what :func:`code_parts` found, 12 hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def code_parts(script: str | Path, modules: Iterable[str] = (), files: Iterable[Path] = ()) -> dict[str, str]:
    """Digests of a script, of all ``ichor`` modules that it reaches by imports, and of the schemas that these use.

    Parameters
    ----------
    script : path
        The rule's script.
    modules : iterable of str
        Modules that are imported by a name only known at run time, for example ``("ichor.models.vit",)``.
    files : iterable of Path
        Other files that the script reads as part of the program, for example a page template; every byte counts.

    Returns
    -------
    dict of str to str
        By name: ``script``, a module (``ichor.tables``), a schema (``schema scans``) or a file (``file page.html``).
    """
    script = Path(script)
    parts = {"script": _meaning(script)}
    schemas = set(_schemas(script))
    waiting = sorted(_imports(script) | set(modules))
    while waiting:
        module = waiting.pop()
        path = _source(module)
        if module in parts or path is None:
            continue
        parts[module] = _meaning(path)
        schemas |= _schemas(path)
        package = module.rpartition(".")[0]  # importing a module runs its package first
        waiting.extend((_imports(path) | {package}) - set(parts))
    parts |= {f"schema {name}": _schema_meaning(name) for name in schemas}
    parts |= {f"file {file.name}": hashlib.sha256(file.read_bytes()).hexdigest() for file in map(Path, files)}
    return dict(sorted(parts.items()))


def packages_of(parts: Iterable[str], script: str | Path) -> set[str]:
    """Top-level names that a script and the modules among `parts` import from outside of the library."""
    sources = [Path(script), *(_source(name) for name in parts if name.startswith("ichor."))]
    return {name.partition(".")[0] for path in sources if path for name in _imported(path)} - {"ichor", "__future__"}


def _source(module: str) -> Path | None:
    parts = module.split(".")[1:]
    for candidate in (PACKAGE.joinpath(*parts).with_suffix(".py"), PACKAGE.joinpath(*parts, "__init__.py")):
        if candidate.is_file() and parts:
            return candidate
    return None


@cache
def _facts(path: Path) -> dict[str, Any]:
    """What a source file or schema says: ``imported``, ``tables`` and ``meaning``, or ``meaning`` alone.

    Remembered in the study by the file's content, this module's and the version of Python, on which all three depend.
    """
    content = path.read_bytes()
    name = hashlib.sha256(content + b"\0" + _own_source() + sys.version.encode()).hexdigest()
    kept = _kept_facts()
    if name not in kept:
        kept[name] = _read_schema(content) if path.suffix == ".yaml" else _read_source(content)
    return kept[name]


@cache
def _own_source() -> bytes:
    return Path(__file__).read_bytes()


@cache
def _kept_facts() -> dict[str, dict[str, Any]]:
    """Facts of earlier runs; new ones are added to their file when the process ends."""
    place = FACTS.absolute()
    kept = remembered.load(place, "ichor code 1")
    known = set(kept)

    def keep() -> None:
        new = {name: facts for name, facts in kept.items() if name not in known}
        if new and Path(place.parent.parent.parent, ".snakemake").is_dir():  # never outside of a study
            remembered.save(place, "ichor code 1", kept if len(kept) <= FACTS_AT_MOST else new)

    atexit.register(keep)
    return kept


def _read_source(content: bytes) -> dict[str, Any]:
    tree = ast.parse(content.decode("utf-8"))
    imported, called = sorted(_imports_in(tree)), sorted(_tables_in(tree))
    return {"imported": imported, "tables": called, "meaning": _meaning_of(tree)}


def _imports_in(tree: ast.Module) -> set[str]:
    """Names of everything that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)  # "from ichor import tables"
    return found


def _imported(path: Path) -> set[str]:
    """Names of everything that a file imports."""
    return set(_facts(path)["imported"])


def _imports(path: Path) -> set[str]:
    """Names of the ``ichor`` modules that a file imports."""
    return {name for name in _imported(path) if name.startswith("ichor.")}


def _schemas(path: Path) -> set[str]:
    """Tables that a file names in calls of `ichor.tables`, with those whose columns they take over."""
    named = set(_facts(path)["tables"])
    return (named | {tables.EXTENDS[name] for name in named if name in tables.EXTENDS}) & _tables()


def _tables_in(tree: ast.Module) -> set[str]:
    """Words that may be a table's name in calls of `ichor.tables`.

    A call that names its table by a variable counts for every table whose name stands anywhere in the file.
    """
    functions = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "ichor.tables"
        for alias in node.names
    }
    named: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args or not _is_table_call(node.func, functions):
            continue
        if isinstance(node.args[0], ast.Constant):
            named.add(str(node.args[0].value))
        elif not isinstance(node.args[0], ast.Call):
            named |= {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return {name for name in named if name.isidentifier()}


@cache
def _tables() -> set[str]:
    return {file.name.removesuffix(".schema.yaml") for file in tables.SCHEMAS.glob("*.schema.yaml")}


def _is_table_call(function: ast.expr, imported: set[str]) -> bool:
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return function.value.id == "tables" and function.attr in _TABLE_FUNCTIONS
    return isinstance(function, ast.Name) and function.id in imported and function.id in _TABLE_FUNCTIONS


_TABLE_FUNCTIONS = {"schema", "columns", "empty", "frame", "read", "read_all", "write", "validate"}


def _schema_meaning(table: str) -> str:
    """Digest of a schema without descriptions and comments."""
    return _facts(tables.SCHEMAS / f"{table}.schema.yaml")["meaning"]


def _read_schema(content: bytes) -> dict[str, Any]:
    text = json.dumps(_without_descriptions(yaml.safe_load(content)))
    return {"meaning": hashlib.sha256(text.encode()).hexdigest()}


def _without_descriptions(part: object) -> object:
    if isinstance(part, dict):
        return {
            key: _without_descriptions(value)
            for key, value in part.items()
            if not (key in ("description", "title") and isinstance(value, str))
        }
    return [_without_descriptions(value) for value in part] if isinstance(part, list) else part


def _meaning(path: Path) -> str:
    """Digest of a source file without its comments, docstrings and layout."""
    return _facts(path)["meaning"]


def _meaning_of(tree: ast.Module) -> str:
    """Digest of a source without its docstrings; changes the tree."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and body:
            first = body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()
