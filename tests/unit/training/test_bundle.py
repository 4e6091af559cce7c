import json

import numpy as np
import pytest

from ichor.errors import StudyError
from ichor.training import bundle
from ichor.training.fit import fit_model


@pytest.fixture(scope="module")
def made(phantoms, small_vit_settings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    spec = {**small_vit_settings, "training": {**small_vit_settings["training"], "epochs": 2, "seeds": 2}}
    settings = {"task": "expansion", "target": "expansion", "model": "vit", "seed": 1, "device": "cpu"}
    fit_model(phantoms, spec=spec, checkpoint_dir=folder / "state", bundle_dir=folder / "bundle", **settings)
    return folder / "bundle"


def test_description_is_enough_and_names_no_patient(made, phantoms):
    text = (made / "model.json").read_text()
    content = json.loads(text)
    assert content["kind"] == "vit" and content["family"] == "network" and content["members"] == 2
    assert content["input"]["shape"] == [16, 16, 8] and content["input"]["windows_hu"] == [[0, 100]]
    assert content["input"]["format"].startswith("hounsfield")
    assert len(content["input"]["channels"]) == 2
    assert content["split"] == "external" and content["target"] == "expansion" and content["seed"] == 1
    fitted_on = content["fitted_on"]
    assert set(fitted_on) == {"aurora", "boreal"}
    roles = phantoms[phantoms["center"] == "aurora"]["role"].value_counts()
    assert {role: part["n"] for role, part in fitted_on["aurora"].items()} == roles.to_dict()
    assert (
        content["versions"]["torch"]
        and len(content["code"]) == 12
        and len(content["sha256"]["model.safetensors"]) == 64
    )
    assert not any(patient in text for patient in phantoms["patient"])
    assert sorted(file.name for file in made.iterdir()) == ["model.json", "model.safetensors"]


def test_a_scan_in_memory_gets_the_same_probability(made, phantoms):
    import nibabel as nib

    from ichor.imaging.volume_cache import Volume
    from ichor.training.data import Views, view_of

    predictor = bundle.load(made, device="cpu")
    row = phantoms.iloc[3]
    image, mask = (nib.load(row[name]) for name in ("image", "mask"))
    volume = Volume(np.asanyarray(image.dataobj), image.affine)
    view, masks = view_of(volume, np.asanyarray(mask.dataobj), predictor.training.inputs)
    alone = predictor.predict_views(Views(view[None], masks[None]))
    table = predictor.predict(phantoms.iloc[3:4])
    np.testing.assert_allclose(alone, table["probability"], rtol=1e-6)


def test_scans_from_the_cache_get_the_same_probability(made, phantoms, tmp_path):
    import nibabel as nib

    from ichor.imaging.geometry import spacing_mm
    from ichor.imaging.voxels import image_sha256, voxel_sha256

    rows = phantoms.head(4)
    images = [nib.load(path) for path in rows["image"]]
    hashes = [image_sha256(voxel_sha256(np.asanyarray(one.dataobj)), spacing_mm(one.affine)) for one in images]
    plain = bundle.load(made, device="cpu").predict(rows)
    cached = bundle.load(made, device="cpu", volumes=tmp_path / "volumes")
    for _ in range(2):  # written, then read
        assert cached.predict(rows.assign(image_sha256=hashes)).equals(plain)
    assert len(list((tmp_path / "volumes").glob("??/*.volume"))) == 4


def test_bundles_that_were_changed_are_refused(made, tmp_path):
    def copy(name):
        folder = tmp_path / name
        folder.mkdir()
        for file in made.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        return folder

    weights = copy("weights")
    content = bytearray((weights / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (weights / "model.safetensors").write_bytes(content)
    with pytest.raises(StudyError, match="SHA-256"):
        bundle.load(weights)
    absent = copy("absent")
    (absent / "model.json").unlink()
    with pytest.raises(StudyError, match="model.json is absent"):
        bundle.load(absent)
    for text, said in (("{", "not JSON"), ('{"format": 99}', "format 99")):
        (weights / "model.json").write_text(text)
        with pytest.raises(StudyError, match=said):
            bundle.load(weights)
