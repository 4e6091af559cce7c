"""The whole way from a bundle and scans to tables, maps and page, with a network that was never trained."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from ichor import tables
from ichor.cohort.fences import LeakError
from ichor.errors import StudyError
from ichor.explain.explain_model import explain_model
from ichor.explain.explainer import Settings
from ichor.explain.permuted import permute_labels, reduced
from ichor.explain.vocabulary import RECORD
from ichor.models import registry
from ichor.report.attributions import write_attribution_page
from ichor.report.patient_page import Known, write_patient_pages
from ichor.training import bundle
from ichor.training.data import InputSpec
from ichor.training.inference import network_of
from ichor.training.record import Record

SHAPE, SPACING_MM = (32, 36, 12), (3.0, 3.0, 6.0)
SPEC = {
    "kind": "vit",
    "form": "slices",
    "patch": [4, 4, 4],
    "dim": 16,
    "depth": 2,
    "heads": 2,
    "stem": "linear",
    "input": {"size_mm": [48, 48, 36], "spacing_mm": [3, 3, 6], "windows_hu": [[0, 100]], "inside": False},
}
SETTINGS = Settings(
    methods=["gradient", "attention_rollout", "grad_cam_pp"],
    similarity_limit=0.99,
    gate_patients=3,
    overlap_patients=4,
    pictures_per_group=1,
    cascade_steps=2,
    draws=1,
    steps=4,
    occlusion_mm=20.0,
    rim_mm=9.0,
    neighbours=2,
)
NAMED = {"task": "expansion", "target": "expansion", "model": "vit", "split": "external"}
STUDY = {"title": "Phantoms", "simulated": True}
TABLES = ("attributions", "attribution_overlap", "attribution_gate", "attribution_maps", "neighbours")
TABLES += ("explained_patients",)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Cohort, predictions and folder of twelve phantoms, half of them test patients, stored from left to right."""
    folder = tmp_path_factory.mktemp("explained")
    rng = np.random.default_rng(8)
    affine = np.diag([-SPACING_MM[0], SPACING_MM[1], SPACING_MM[2], 1.0])
    at = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), axis=-1) * SPACING_MM
    middle = (np.array(SHAPE) - 1) * SPACING_MM / 2
    rows = []
    for number in range(12):
        inside = np.linalg.norm((at - middle) / [44, 50, 34], axis=-1)
        image = np.where(inside < 1, 32.0, -1000.0) + rng.normal(0, 3, SHAPE)
        bleed = np.linalg.norm(at - middle - rng.uniform(-12, 12, 3) * [1, 1, 0.3], axis=-1) < 10
        image[bleed] = 65
        image[(inside > 0.92) & (inside < 1)] = 900
        paths = {name: folder / f"{number}_{name}.nii.gz" for name in ("image", "mask")}
        nib.save(nib.Nifti1Image(np.rint(image).astype(np.int16), affine), paths["image"])
        nib.save(nib.Nifti1Image(bleed.astype(np.uint8), affine), paths["mask"])
        role = ("train", "tune", "test", "test")[number % 4]
        row = {"split": "external", "patient": f"p{number:02d}", "center": "aurora", "role": role}
        rows.append(row | {name: str(path) for name, path in paths.items()} | {"label_expansion": number // 4 % 2})
    cohort = pd.DataFrame(rows)
    predictions = cohort[["split", "patient", "center", "role"]].assign(
        label=cohort["label_expansion"], probability=rng.uniform(0.1, 0.9, len(cohort)).round(3)
    )
    return cohort, predictions, folder


def write_bundle(folder, spec, networks, **further):
    arrays = {
        f"{number}.{name}": value.numpy()
        for number, own in enumerate(networks)
        for name, value in own.state_dict().items()
    }
    facts = {"task": "expansion", "target": "expansion", "model": spec["kind"], "split": "external"}
    facts |= {"kind": spec["kind"], "family": "network", "spec": spec, "seed": 1, "precision": "32"}
    facts |= {"members": len(networks), "prior_logit": 0.0, "fitted_on": {"aurora": {"train": {"n": 3, "events": 1}}}}
    bundle.save(folder, arrays, facts | further)
    return folder


def made_networks(spec, count, record=0):
    torch.manual_seed(2)
    networks = [network_of(spec, InputSpec.from_settings(spec["input"]), record).eval() for _ in range(count)]
    for network in networks:
        for parameter in network.parameters():
            parameter.data += 0.3 * torch.randn(parameter.shape)
    return networks


@pytest.fixture(scope="module")
def explained(study, tmp_path_factory):
    cohort, predictions, folder = study
    spec = registry.resolve(SPEC)
    written = write_bundle(folder / "bundle", spec, made_networks(spec, 2))
    maps = folder / "maps"
    return explain_model(cohort, predictions, written, maps, SETTINGS, seed=1, device="cpu"), maps


def test_tables_are_those_of_their_schemas(explained, tmp_path):
    found, _ = explained
    for name in TABLES:
        tables.write(name, getattr(found, name), tmp_path / f"{name}.tsv")
        assert len(tables.read(name, tmp_path / f"{name}.tsv")) == len(getattr(found, name)) > 0


def test_only_test_patients_are_explained_and_unsuitable_methods_are_named(explained, study):
    found, _ = explained
    tested = set(study[0].loc[study[0]["role"] == "test", "patient"])
    assert set(found.attributions["patient"]) <= tested and set(found.attribution_maps["patient"]) <= tested
    assert found.attributions["patient"].nunique() == 4
    outcomes = found.attribution_gate.drop_duplicates("method").set_index("method")["outcome"]
    assert outcomes["grad_cam_pp"] == "not_applicable" and outcomes["gradient"] == "shown"
    assert set(found.attribution_gate["test"].dropna()) == {"cascade", "all_layers", "other_seed"}
    shares = found.attributions.groupby(["patient", "method"])["share"].sum()
    np.testing.assert_allclose(shares, 1, atol=1e-4)


def test_maps_lie_on_the_scan_around_the_bleed(explained, study):
    found, maps = explained
    assert sorted(path.name for path in maps.iterdir()) == sorted(found.attribution_maps["map"])
    for row in found.attribution_maps.itertuples():
        scan, made = nib.load(row.image), nib.load(maps / row.map)
        assert made.shape == scan.shape and made.get_data_dtype() == np.float32
        np.testing.assert_allclose(made.affine, scan.affine)
        values, bleed = made.get_fdata(), np.asanyarray(nib.load(row.mask).dataobj) == 1
        looked = np.argwhere(values != 0)
        shift_mm = np.abs((looked.max(0) + looked.min(0)) / 2 - np.argwhere(bleed).mean(0)) * SPACING_MM
        assert (shift_mm <= np.array(SPACING_MM) * 1.5).all(), "centred on the bleed, also in the file's own axes"
        assert row.flat == (row.method == "attention_rollout")


def test_a_method_that_fails_is_withheld(study, tmp_path):
    cohort, predictions, folder = study
    settings = replace(SETTINGS, similarity_limit=1e-6)
    found = explain_model(cohort, predictions, folder / "bundle", tmp_path / "maps", settings, seed=1, device="cpu")
    assert found.attributions.empty and found.attribution_overlap.empty and found.attribution_maps.empty
    assert not list((tmp_path / "maps").iterdir())
    withheld = found.attribution_gate[found.attribution_gate["outcome"] == "withheld"]
    assert set(withheld["method"]) == {"gradient", "attention_rollout"}
    assert withheld["detail"].str.contains("rank correlation").all()


def test_the_page_shows_what_passed_and_says_what_did_not(explained, study, tmp_path):
    found, maps = explained
    named = NAMED
    one = found.attribution_maps[found.attribution_maps["patient"] == found.attribution_maps["patient"].iloc[0]]
    write_attribution_page(
        tmp_path / "index.html",
        tmp_path / "pictures",
        maps,
        gate=found.attribution_gate,
        overlap=found.attribution_overlap,
        maps=one,
        patients=found.explained_patients[found.explained_patients["patient"].isin(one["patient"])],
        record=found.record_attributions,
        named=named,
        rim_mm=9.0,
        study={"title": "Phantoms", "simulated": True},
    )
    text = (tmp_path / "index.html").read_text()
    picture = tmp_path / "pictures" / f"{one['patient'].iloc[0]}.png"
    assert picture.read_bytes().startswith(b"\x89PNG") and f'src="pictures/{picture.name}"' in text
    assert f'href="patients/{picture.stem}.html"' in text
    assert "Attention rollout" in text and "Grad-CAM++ does not suit this network" in text
    assert "Simulated patients" in text and "nan" not in text


def test_a_network_that_reads_the_record_is_explained_with_each_patients_own(study, tmp_path):
    cohort, predictions, _ = study
    cohort = cohort.assign(age_years=np.linspace(40, 90, len(cohort)))
    spec = registry.resolve({**SPEC, "kind": "vit_record", "record": {"features": ["age_years"]}})
    record = Record.fitted(["age_years"], cohort[cohort["role"] == "train"])
    networks = made_networks(spec, 1, record.width)
    written = write_bundle(tmp_path / "bundle", spec, networks, record=record.facts())
    found = explain_model(cohort, predictions, written, tmp_path / "maps", SETTINGS, seed=1, device="cpu")
    assert set(found.attributions["method"]) == {"gradient", "attention_rollout"}
    assert set(found.attribution_gate["test"].dropna()) == {"cascade", "all_layers"}
    gated = found.attribution_gate[found.attribution_gate["method"] == RECORD]
    assert set(gated["measure"]) == {"spearman"} and gated["outcome"].nunique() == 1
    withheld = gated["outcome"].iloc[0] == "withheld"
    assert found.record_attributions.empty == withheld, "one feature has one rank, which is always alike"


def test_neighbours_are_train_patients_and_every_chosen_patient_has_them(explained, study):
    found, _ = explained
    roles = study[0].set_index("patient")["role"]
    assert set(roles[found.neighbours["neighbour"]]) == {"train"}
    assert set(roles[found.explained_patients["patient"]]) == {"test"}
    assert set(found.neighbours["patient"]) == set(found.explained_patients["patient"])
    assert (found.neighbours.groupby("patient")["distance"].diff().dropna() >= 0).all()


def test_the_page_of_a_patient_has_gate_models_shap_record_and_neighbours(explained, study, tmp_path):
    found, _ = explained
    cohort, predictions, _ = study
    cohort = cohort.assign(age_years=np.linspace(40, 90, len(cohort)), sex="female")
    cohort.loc[cohort.index[0], "age_years"] = np.nan
    who = found.explained_patients["patient"].iloc[0]
    shap = {"task": "expansion", "target": "expansion", "model": "logistic", "split": "external", "patient": who}
    shap |= {"center": "aurora", "role": "test", "feature": "age_years", "value": "61", "shap": -0.4, "expected": 0.1}
    known = Known(
        cohort=cohort,
        patients=found.explained_patients.head(1),
        gate=found.attribution_gate,
        record=found.record_attributions,
        neighbours=found.neighbours,
        predictions=pd.concat([predictions.assign(model=name) for name in ("vit", "logistic")]),
        details=pd.DataFrame([{"patient": who, "quantity": "gate_image_mean", "value": 0.25}]),
        shap=pd.DataFrame([shap | {"scale": "log_odds", "background": 3}]),
        features=["sex"],
    )
    write_patient_pages(tmp_path / "patients", known, {who: f"../pictures/{who}.png"}, NAMED, STUDY)
    text = (tmp_path / "patients" / f"{who}.html").read_text()
    near = found.neighbours.loc[found.neighbours["patient"] == who, "neighbour"]
    assert all(f'src="train_{name}.webp"' in text for name in near)
    assert all((tmp_path / "patients" / f"train_{name}.webp").read_bytes()[8:12] == b"WEBP" for name in near)
    assert "from +0.10 (mean of 3 train patients) to −0.30" in text and "0.25 (the record’s: 0.75)" in text
    assert "Grad-CAM++ does not suit this network" in text and "100 % have the same" in text
    assert "nan" not in text.lower().replace("finance", "") and "Simulated patients" in text
    assert str(tmp_path) not in text and "/" + "tmp" not in text


def test_a_table_of_features_has_no_maps_and_an_unfitted_network_none_either(study, tmp_path):
    cohort, predictions, _ = study
    bundle.save(tmp_path / "a", {}, {"task": "expansion", "model": "volume", "kind": "volume", "family": "tabular"})
    with pytest.raises(StudyError, match="expansion/volume is no network"):
        explain_model(cohort, predictions, tmp_path / "a", tmp_path / "maps", SETTINGS, seed=1)
    spec = registry.resolve(SPEC)
    facts = {"task": "expansion", "target": "expansion", "model": "vit", "split": "external", "reason": "too few"}
    bundle.save(tmp_path / "b", {}, facts | {"kind": "vit", "family": "network", "spec": spec})
    found = explain_model(cohort, predictions, tmp_path / "b", tmp_path / "maps", SETTINGS, seed=1)
    assert found.attribution_gate.empty and found.attributions.empty


def test_permuted_labels_keep_their_number_and_their_role(study):
    cohort = pd.concat([study[0]] * 4, ignore_index=True).assign(patient=lambda rows: rows.index.astype(str))
    made = permute_labels(cohort, "expansion", 3)
    by_role = [rows.groupby("role")["label_expansion"].sum() for rows in (cohort, made)]
    pd.testing.assert_series_equal(*by_role)
    changed = made["label_expansion"] != cohort["label_expansion"]
    assert changed.any() and set(cohort.loc[changed, "role"]) <= {"train", "tune"}
    pd.testing.assert_frame_equal(made, permute_labels(cohort, "expansion", 3))


def test_the_reduced_budget_is_one_short_training_on_real_cases():
    spec = registry.resolve({"kind": "vit", "balance": {"arm": "synthetic", "generator": "transplant", "ratio": "1:1"}})
    made = reduced(spec, 0.25)
    assert made["training"]["epochs"] == 10 and made["training"]["seeds"] == 1
    assert made["balance"]["arm"] == "none" and made["balance"]["generator"] == ""
    assert spec["training"]["seeds"] == 2 and spec["balance"]["arm"] == "synthetic", "the model's own stay"
    registry.resolve(made)


def test_another_splits_rows_stop_the_run(study, tmp_path):
    cohort, predictions, folder = study
    with pytest.raises((LeakError, StudyError)):
        explain_model(
            cohort.assign(split=["external"] * 11 + ["cv-0"]),
            predictions,
            folder / "bundle",
            tmp_path / "maps",
            SETTINGS,
            seed=1,
        )
