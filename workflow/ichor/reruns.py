"""What a job's code is: its script and every library module the script imports, directly or not.

Snakemake watches a rule's script but not what the script imports. A digest of the imported sources among the rule's
``params`` closes the gap: an edit reruns what uses the module, while a comment, a docstring or a touched file does not.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def code_digest(script: str | Path, modules: tuple[str, ...] = (), files: tuple[Path, ...] = ()) -> str:
    """Digest of a script and all ``ichor`` modules that it reaches by imports.

    Parameters
    ----------
    script : path
        The rule's script.
    modules : tuple of str
        Modules that are imported by a name only known at run time, for example ``("ichor.models.vit",)``.
    files : tuple of Path
        Other files that the script reads as part of the program, for example a page template; every byte counts.

    Returns
    -------
    str
        12 hexadecimal digits.
    """
    seen: dict[str, str] = {}
    waiting = sorted(_imports(Path(script)) | set(modules))
    while waiting:
        module = waiting.pop()
        path = _source(module)
        if module in seen or path is None:
            continue
        seen[module] = _meaning(path)
        waiting.extend(_imports(path) - set(seen))
    text = _meaning(Path(script)) + "".join(f"{name}:{seen[name]};" for name in sorted(seen))
    text += "".join(hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in sorted(files))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _source(module: str) -> Path | None:
    parts = module.split(".")[1:]
    for candidate in (PACKAGE.joinpath(*parts).with_suffix(".py"), PACKAGE.joinpath(*parts, "__init__.py")):
        if candidate.is_file() and parts:
            return candidate
    return None


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _imports(path: Path) -> set[str]:
    """Names of the ``ichor`` modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)  # "from ichor import tables"
    return {name for name in found if name.startswith("ichor.")}


@cache
def _meaning(path: Path) -> str:
    """Digest of a source file without its comments, docstrings and layout."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
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
