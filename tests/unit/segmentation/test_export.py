"""Trained folds to one bundle that can be passed on, and its card."""

import json

import pytest
import torch
import yaml

from ichor.errors import StudyError
from ichor.segmentation.bundle import load_model, load_models, save_model
from ichor.segmentation.description import read_description
from ichor.segmentation.export import export_bundle, main
from ichor.segmentation.model_card import model_card
from ichor.segmentation.network import build_network

from .bundle_texts import ABOUT


@pytest.fixture
def folds(planned, tmp_path):
    """Two folds of one plan as training leaves them, with the plan beside."""
    _, plan = planned
    folder = tmp_path / "external"
    description = {key: plan[key] for key in ("architecture", "labels", "grid", "patch_size", "plans")}
    for fold in (0, 1):
        torch.manual_seed(fold)
        cases = [case for case in plan["cases"] if case["fold"] != fold]
        training = {"scans": len(cases), "patients": 4, "centers": ["aurora"], "budget": {"epochs": 4}, "seed": fold}
        save_model(
            folder / f"fold-{fold}",
            build_network(plan["architecture"], 1, 3),
            description | {"fold": fold, "training": training, "plan_sha256": plan["sha256"]},
            [(case["center"], case["patient"]) for case in cases],
            [case["voxel_sha256"] for case in cases],
        )
    (folder / "plans.json").write_text(json.dumps(plan))
    return folder


def folders(folds):
    return [folds / "fold-0", folds / "fold-1"]


def test_an_exported_bundle_holds_the_folds_networks_and_whom_they_saw_and_nothing_of_the_study(folds, tmp_path):
    written = export_bundle(folders(folds), tmp_path / "out", ABOUT)
    models = load_models(tmp_path / "out")
    x = torch.randn(2, 1, 8, 32, 32)
    with torch.inference_mode():
        for model, folder in zip(models, folders(folds), strict=True):
            assert torch.equal(model.network(x), load_model(folder).network(x))
    assert all(model.fold is None and model.name == "tiny" for model in models)
    assert all(model.has_seen("aurora", f"p{i:02d}") for model in models for i in range(8))
    assert written["training"] == {"scans": 9, "patients": 8, "centers": ["aurora"], "budget": {"epochs": 4}}
    assert not {"plans", "dataset", "split"} & set(written)
    with pytest.raises(ValueError, match="holds 2 networks"):
        load_model(tmp_path / "out")


def test_one_fold_in_half_precision_is_a_bundle_too(folds, tmp_path):
    assert main([str(folds / "fold-0"), str(tmp_path / "out"), "--half", "--about", str(about_file(tmp_path))]) == 0
    assert read_description(tmp_path / "out")["stored_as"] == "float16"
    assert load_model(tmp_path / "out").fold is None


def test_scans_of_folds_from_before_they_were_kept_are_taken_from_the_plan(folds, tmp_path, planned):
    now = export_bundle(folders(folds), tmp_path / "now", ABOUT)
    for folder in folders(folds):
        content = json.loads((folder / "model.json").read_text()) | {"trained_on_scans": []}
        (folder / "model.json").write_text(json.dumps(content))
    then = export_bundle(folders(folds), tmp_path / "then", ABOUT)
    assert then["trained_on_scans"] == now["trained_on_scans"] and len(now["trained_on_scans"]) == 9


def about_file(tmp_path, **change):
    file = tmp_path / "about.yaml"
    file.write_text(yaml.safe_dump(ABOUT | change))
    return file


def test_the_command_takes_a_split_and_says_what_is_wrong_in_one_line(folds, tmp_path, capsys):
    given = [str(folds), str(tmp_path / "out"), "--about", str(about_file(tmp_path))]
    assert main(given) == 0 and "2 network(s)" in capsys.readouterr().out
    assert main(given) == 1 and "there is a bundle already" in capsys.readouterr().err
    about_file(tmp_path, licence="")
    assert main([given[0], str(tmp_path / "b"), *given[2:]]) == 1
    assert "licence is missing" in capsys.readouterr().err
    assert main([str(tmp_path), str(tmp_path / "b"), *given[2:]]) == 1
    assert "neither a model.json nor folders fold-*" in capsys.readouterr().err
    assert main([given[0], str(tmp_path / "b"), "--about", str(tmp_path / "no.yaml")]) == 1
    assert "no such file" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_networks_of_two_plans_are_refused(folds, tmp_path):
    other = folds / "fold-1" / "model.json"
    other.write_text(json.dumps(json.loads(other.read_text()) | {"patch_size": [8, 16, 16]}))
    with pytest.raises(StudyError, match="differ in patch_size"):
        export_bundle(folders(folds), tmp_path / "out", ABOUT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"limits": []}, "limits is missing; write a text list"),
        ({"labels": {}}, "labels is missing"),
        ({"labels": {"iph": "drawn"}}, "labels.ivh is missing"),
        ({"figures": {"how": "x", "rows": [{"a": 1}, {"b": 1}]}}, "figures is missing"),
        ({"figures": {"rows": []}}, "figures is missing"),
    ],
)
def test_a_bundle_must_say_what_it_is(folds, tmp_path, change, message):
    with pytest.raises(StudyError, match=message):
        export_bundle(folders(folds), tmp_path / "out", ABOUT | change)
    assert not (tmp_path / "out").exists()


def test_the_card_has_what_a_reader_must_know_and_follows_the_description(folds, tmp_path):
    written = export_bundle(folders(folds), tmp_path / "out", ABOUT)
    card = (tmp_path / "out/MODEL_CARD.md").read_text()
    assert card == model_card(read_description(tmp_path / "out"))
    for text in ("no medical device", ABOUT["licence"], ABOUT["citation"], "| iph | 3 | 0.912 |", "Phantoms only."):
        assert text in card
    assert "It does not know: perihematomal edema, extra-axial hemorrhage. Volumes of these are empty, not 0." in card
    assert written["weights_sha256"] in card and "2 x PlainConvUNet" in card and "9 scans of 8 patients" in card
    without = written | {"about": ABOUT | {"figures": {"how": "None yet.", "rows": []}}, "training": {}}
    assert "No figures are given." in model_card(without) and "is not recorded" in model_card(without)


def test_the_card_of_every_bundle_that_comes_with_ichor_is_that_of_its_description(repository):
    for file in sorted((repository / "workflow/bundles").glob("*/model.json")):
        description = read_description(file.parent)
        assert (file.parent / "MODEL_CARD.md").read_text() == model_card(description), file.parent.name
        assert (file.parent / "model.safetensors").stat().st_size <= 5_000_000
        assert description["about"]["name"] == file.parent.name and load_models(file.parent)
        assert description["trained_on_scans"], "nobody could tell whom it was trained on"
