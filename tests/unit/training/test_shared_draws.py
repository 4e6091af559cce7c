import pytest

from ichor.models.registry import resolve
from ichor.training.shared_draws import draws_of

ADDED = {"arm": "oversample", "ratio": "1:2"}
SPECS = {
    name: resolve(spec)
    for name, spec in {
        "added_first": {"kind": "vit", "balance": ADDED},
        "vit": {"kind": "vit"},
        "again": {"kind": "vit"},
        "vit_focal": {"kind": "vit", "balance": {"arm": "focal"}},
        "vit_longer": {"kind": "vit", "training": {"epochs": 99}, "balance": ADDED},
        "vit_death": {"kind": "vit", "balance": ADDED},
        "densenet": {"kind": "densenet", "balance": ADDED},
        "volume": {"kind": "volume"},
    }.items()
}
TARGETS = dict.fromkeys(SPECS, "expansion") | {"vit_death": "death"}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("vit", "vit"),
        ("again", "again"),  # spread over seeds: the same settings under another name
        ("added_first", "vit"),
        ("vit_focal", "vit"),
        ("vit_longer", "vit_longer"),  # differs in more than the balance
        ("vit_death", "vit_death"),
        ("densenet", "densenet"),  # has no plain twin
        ("volume", "volume"),
    ],
)
def test_arms_take_the_draws_of_their_plain_twin(model, expected):
    assert draws_of(model, SPECS, TARGETS) == expected
