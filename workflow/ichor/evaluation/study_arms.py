"""Which models of a study are arms of the experiment, and which are what the arms are held against."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

NO_BALANCE = {"arm": "none", "generator": "", "ratio": ""}
WORDS = {
    "none": "no balancing",
    "oversample": "HE cases repeated",
    "class_weights": "class weights",
    "focal": "focal loss",
    "synthetic": "synthetic cases",
}
ORDER = tuple(WORDS)


@dataclass(frozen=True)
class StudyModel:
    """One model of the study.

    Attributes
    ----------
    name : str
        As in the config.
    part : {"arm", "network", "floor"}
        An arm differs from the others in how it treats the imbalance and in nothing else; a network that differs in
        more stands beside them; a floor sees no image, or measures of it only.
    arm : str
        ``none``, ``oversample 1:2``, ``class_weights``, ``focal``, ``synthetic 1:2``, ``synthetic tune``, with the
        generator in brackets where the study has several; empty for what is no arm.
    words : str
        The same for people.
    balance : dict
        Setting ``balance`` of the model.
    """

    name: str
    part: str
    arm: str = ""
    words: str = ""
    balance: Mapping[str, object] | None = None


def study_models(models: Mapping[str, Mapping[str, object]]) -> list[StudyModel]:
    """Sort a task's models into arms, other networks and floors.

    Parameters
    ----------
    models : mapping
        Name -> complete settings (`ichor.models.registry.resolve`).

    Returns
    -------
    list of StudyModel
        Arms first, the one without balancing at their head, then networks and floors in the order of `models`. The
        arms are the largest group of networks with the same settings but for ``balance``; of groups of one size one
        with an arm ``none`` is taken, then the first.
    """
    networks = {name: spec for name, spec in models.items() if "training" in spec}
    groups: dict[str, list[str]] = {}
    for name, spec in networks.items():
        groups.setdefault(json.dumps({k: v for k, v in spec.items() if k != "balance"}, sort_keys=True), []).append(
            name
        )

    def worth(group: list[str]) -> tuple[int, bool]:
        return len(group), any(_balance(networks[name])["arm"] == "none" for name in group)

    arms = max(groups.values(), key=worth) if groups else []  # the first of equals
    several = len({_balance(networks[n])["generator"] for n in arms} - {""}) > 1
    found = [_arm(name, _balance(networks[name]), several) for name in arms]
    found.sort(key=lambda arm: ORDER.index(arm.balance["arm"]) if arm.balance["arm"] in ORDER else len(ORDER))
    found += [StudyModel(name, "network", balance=_balance(networks[name])) for name in networks if name not in arms]
    return found + [StudyModel(name, "floor") for name in models if name not in networks]


def _balance(spec: Mapping[str, object]) -> dict:
    return NO_BALANCE | dict(spec.get("balance") or {})


def _arm(name: str, balance: dict, several: bool) -> StudyModel:
    kind, ratio = str(balance["arm"]), str(balance["ratio"])
    sized = kind in ("oversample", "synthetic")
    arm, words = kind, WORDS.get(kind, kind)
    if sized and ratio:
        arm += f" {ratio}"
        words += ", ratio chosen on tune rows" if ratio == "tune" else f" {ratio}"
    if several and balance["generator"]:
        arm, words = f"{arm} ({balance['generator']})", f"{words} ({balance['generator']})"
    return StudyModel(name, "arm", arm, words, balance)
