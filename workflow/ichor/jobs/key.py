"""The key of a job: a digest of everything that its outputs depend on."""

import json
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from ichor import reruns
from ichor.jobs.hashes import value_sha256

FORMAT = 1  # raised when what a key or an entry holds is changed
PACKAGES = {
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    "SimpleITK": "simpleitk",
    "PIL": "pillow",
    "xgboost": "xgboost-cpu",
}
"""Packages whose module has another name."""


def plain(value: object) -> object:
    """A parameter as plain JSON values, for keys and records."""
    return json.loads(json.dumps(value, default=str, sort_keys=True))


def named_files(group) -> dict[str, list[Path]]:
    """Paths of a rule's inputs or outputs by name, each a list; Snakemake gives one path or several."""
    found = {}
    for name in group.keys():
        paths = getattr(group, name)
        found[name] = [Path(path) for path in ([paths] if isinstance(paths, str) else paths)]
    return found


def input_contents(
    inputs: Mapping[str, list[Path]], hashes: Mapping[Path, str | None], read: Mapping[str, object]
) -> dict[str, list[str | None]]:
    """Content of all that a job reads, by name.

    Parameters
    ----------
    inputs : mapping
        Paths by name.
    hashes : mapping
        SHA-256 of each path.
    read : mapping
        The part of an input that the job reads, a table or a plain value, which then stands for the whole file; or
        something that is no input file at all.
    """
    whole = {name: [hashes[path] for path in paths] for name, paths in inputs.items()}
    return whole | {name: [value_sha256(value)] for name, value in read.items()}


def package_versions(names: set[str]) -> dict[str, str]:
    """Versions of the packages that bring some top-level modules; standard library and unknown ones are left out."""
    found = {}
    for name in sorted(names - sys.stdlib_module_names - {"snakemake"}):
        package = PACKAGES.get(name, name)
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def job_key(
    *,
    rule: str,
    wildcards: Mapping[str, str],
    params: Mapping[str, object],
    code: Mapping[str, str],
    read: Mapping[str, list[str | None]],
    packages: Mapping[str, str],
    python: str,
    threads: int,
    gpu: bool,
    outputs: list[str],
) -> str:
    """Digest of all that a job's outputs depend on, 64 hexadecimal digits.

    Parameters
    ----------
    rule, wildcards, params
        The job, as the workflow names it.
    code : mapping
        Digests of its modules, see :func:`ichor.reruns.code_parts`.
    read : mapping
        Content of what it reads, see :func:`input_contents`. The places of files do not matter.
    packages : mapping
        Versions of the packages that its modules import.
    python : str
        Version.
    threads : int
        Sums in another order round differently.
    gpu : bool
        Whether it was given a GPU.
    outputs : list of str
        Their names.
    """
    return value_sha256(dict(locals(), format=FORMAT))


def code_of_script(script: str | Path, modules: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Digests of a script's modules, and versions of the packages that they import."""
    parts = reruns.code_parts(script, modules)
    return parts, package_versions(reruns.packages_of(parts, script))
