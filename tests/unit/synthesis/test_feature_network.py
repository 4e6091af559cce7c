"""The network whose features synthetic cases are compared in must not need these cases itself."""

from ichor.models import registry
from ichor.synthesis.plan import feature_network


def models():
    given = {
        "volume": {"kind": "volume"},
        "augmented": {"kind": "vit", "balance": {"arm": "synthetic", "generator": "transplant", "ratio": "1:1"}},
        "plain": {"kind": "vit"},
        "second": {"kind": "densenet"},
    }
    return {"expansion": {name: registry.resolve(spec) for name, spec in given.items()}}


def test_it_is_the_first_network_that_trains_on_no_synthetic_case():
    named = models()
    assert feature_network(named) == ("expansion", "plain")
    del named["expansion"]["plain"], named["expansion"]["second"]
    assert feature_network(named) is None
    assert feature_network({}) is None
