"""The config files that are laid over a study: they fit the schema, and the arms of the expansion study are arms."""

import copy

import pytest
import yaml

from ichor import study
from ichor.evaluation.outcome_models import outcome_models
from ichor.evaluation.study_arms import study_models
from ichor.evaluation.trajectory_study import check_models
from ichor.models import registry


def laid_over(base: dict, *others: dict) -> dict:
    """Lay mappings over each other, key by key, as Snakemake does with several config files."""
    out = copy.deepcopy(base)
    for other in others:
        for key, value in other.items():
            both = isinstance(value, dict) and isinstance(out.get(key), dict)
            out[key] = laid_over(out[key], value) if both else copy.deepcopy(value)
    return out


@pytest.mark.parametrize("files", [["expansion_study"], ["expansion_study", "middle"]])
def test_the_expansion_study_has_its_arms_and_floors(repository, files):
    config = laid_over(
        *(yaml.safe_load((repository / f"config/{name}.yaml").read_text()) for name in ["config", *files])
    )
    study.check_config(config, files)
    models = {
        name: registry.resolve(spec, f"models.expansion.{name}") for name, spec in config["models"]["expansion"].items()
    }
    found = study_models(models)
    arms = [model.arm for model in found if model.part == "arm"]
    assert arms[0] == "none" and set(arms) == {
        "none", "oversample 1:2", "class_weights", "focal", "synthetic 1:2", "synthetic 1:1", "synthetic tune",
    }  # fmt: skip
    assert [model.name for model in found if model.part == "network"] == ["vit_record"]
    floors = {model.name for model in found if model.part == "floor"}
    assert {"volume", "logistic", "xgboost", "radiomics", "brain_score", "nag_score", "bat_score"} < floors
    generators = {model.balance["generator"] for model in found if model.balance} - {""}
    assert generators <= set(config["synthesis"]["generators"])


@pytest.mark.parametrize("files", [["outcome_study"], ["expansion_study", "outcome_study", "middle"]])
def test_the_outcome_study_has_networks_models_of_the_record_and_scores(repository, files):
    config = laid_over(
        *(yaml.safe_load((repository / f"config/{name}.yaml").read_text()) for name in ["config", *files])
    )
    study.check_config(config, files)
    entries = {name: spec for name, spec in config["models"]["outcome"].items() if spec is not None}
    models = {name: registry.resolve(spec, name) for name, spec in entries.items()}
    found = {part: [] for part in ("fusion", "image", "tabular", "score")}
    for model in outcome_models(models):
        found[model.part].append(model.name)
    assert found == {
        "fusion": ["densenet_gmu", "densenet_concat", "densenet_cross_attention"],
        "image": ["densenet_image", "densenet_multitask"],
        "tabular": "logistic_gcs logistic_gcs_age logistic_all random_forest tree xgboost dense_net".split(),
        "score": "ich ich_gs func max_ich modified_ich modified_ich_cho modified_ich_rich".split(),
    }
    networks = [*found["fusion"], *found["image"]]
    assert {models[name]["training"]["seeds"] for name in networks} == {5}
    assert {models[name]["fusion"] for name in found["fusion"]} == {"gated", "concat", "cross_attention"}


def test_the_study_of_real_visits_sets_networks_beside_simpler_models(repository):
    config = laid_over(
        *(yaml.safe_load((repository / f"config/{name}.yaml").read_text()) for name in ["config", "pbcseq"])
    )
    study.check_config(config, ["pbcseq"])
    settings = config["trajectory_study"]
    kinds = {spec["kind"] for spec in check_models(settings["models"], settings["columns"]).values()}
    assert {"multistep_transformer", "landmark_cox", "landmark_logistic"} <= kinds and settings["repeats"] > 1
