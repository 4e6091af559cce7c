import pandas as pd
import pytest

from ichor.errors import StudyError
from ichor.models.registry import resolve
from ichor.synthesis import registry
from ichor.synthesis.plan import candidates_wanted, resolve_generators, used_generators

SYNTHETIC = {"arm": "synthetic", "generator": "transplant", "ratio": "1:1"}


def generators(**named):
    return resolve_generators({"synthesis": {"generators": named}})


def test_kinds_are_found_and_checked_without_import():
    assert registry.kinds() == {"diffusion": True, "transplant": False}
    assert registry.region("transplant") == "crop" and registry.region("diffusion") == "lesion"
    with pytest.raises(StudyError, match=r"synthesis.generators.t.kind: unknown kind of generator 'transplnat'"):
        generators(t={"kind": "transplnat"})
    with pytest.raises(StudyError, match=r"synthesis.generators.t.scal: unknown setting \(did you mean 'scale'"):
        generators(t={"kind": "transplant", "scal": 1})
    assert generators(t={"kind": "transplant", "ring_mm": 5}, gone=None)["t"]["ring_mm"] == 5.0


def test_only_generators_that_a_network_names_are_used():
    there = generators(transplant={"kind": "transplant"}, other={"kind": "transplant"})
    plain, logistic = resolve({"kind": "vit"}), resolve({"kind": "logistic", "features": ["age_years"]})
    assert used_generators({"expansion": {"a": plain, "b": logistic}}, there) == []
    synthetic = resolve({"kind": "vit", "balance": SYNTHETIC})
    assert used_generators({"expansion": {"a": plain, "c": synthetic, "d": synthetic}}, there) == ["transplant"]
    wrong = resolve({"kind": "vit", "balance": SYNTHETIC | {"generator": "transplants"}})
    with pytest.raises(StudyError, match="models.expansion.c.balance.generator: .*did you mean 'transplant'"):
        used_generators({"expansion": {"c": wrong}}, there)
    head = resolve({"kind": "vit", "balance": SYNTHETIC, "input": {"view": "head"}})
    with pytest.raises(StudyError, match="models.expansion.c.balance.arm synthetic: found input.view 'head'"):
        used_generators({"expansion": {"c": head}}, there)


def test_cases_suffice_for_the_largest_ratio_with_a_quarter_to_spare():
    labels = pd.Series([1] * 20 + [0] * 100 + [None] * 7)
    assert candidates_wanted(labels) == 100
    assert candidates_wanted(pd.Series([1, 1, 0])) == 0
