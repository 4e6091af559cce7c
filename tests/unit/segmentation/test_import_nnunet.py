"""A results folder as nnU-Net's own trainer writes it becomes a bundle, which computes what nnU-Net computes."""

import json
import os

import numpy as np
import pytest
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from ichor.errors import StudyError
from ichor.segmentation.bundle import load_model, load_models
from ichor.segmentation.folders import CONFIGURATION, nnunet_environment
from ichor.segmentation.import_nnunet import import_nnunet, main
from ichor.segmentation.predict import segment_scan
from ichor.segmentation.preprocess import prepare_image
from ichor.segmentation.scan import Scan
from ichor.segmentation.sliding_window import predict_probabilities

from .bundle_texts import ABOUT

OURS = {"iph": "iph", "ivh": "edema"}
SPACING_MM = (8.0, 4.0, 4.0)


class Command:
    """A pickle that runs a command when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.system, (f"touch {self.file}",)


@pytest.fixture(scope="module")
def results(planned, tmp_path_factory):
    """Two folds that nnU-Net's trainer saved after an epoch's worth of its log."""
    work, plan = planned
    folder = tmp_path_factory.mktemp("nnunet")
    (folder / "plans.json").write_text(json.dumps(plan["plans"]))
    (folder / "dataset.json").write_text(json.dumps(plan["dataset"]))
    with nnunet_environment(work, loader_processes=0):
        for fold in (0, 1):
            torch.manual_seed(fold)
            plans = json.loads(json.dumps(plan["plans"])) | {"continue_training": False}
            trainer = nnUNetTrainer(plans, CONFIGURATION, fold, plan["dataset"], torch.device("cpu"))
            trainer.initialize()
            for tensor in trainer.network.parameters():
                torch.nn.init.normal_(tensor, std=0.3)
            trainer.logger.log("mean_fg_dice", np.float64(0.5), 0)
            trainer.logger.log("dice_per_class_or_region", [np.float32(0.4), np.float64(0.6)], 0)
            trainer._best_ema = np.float64(0.5)
            (folder / f"fold_{fold}").mkdir()
            trainer.save_checkpoint(str(folder / f"fold_{fold}" / "checkpoint_final.pth"))
    return folder


@pytest.fixture(scope="module")
def scan():
    """Noise of tissue to every border: neither program crops it, and its voxels are the plan's."""
    hu = np.random.default_rng(1).normal(40, 20, size=(11, 40, 36)).clip(1, 99).astype(np.float32)
    return Scan(hu, np.diag([4.0, 4.0, 8.0, 1.0]), SPACING_MM)


def predicted_by_nnunet(folder, scan, folds):
    predictor = nnUNetPredictor(use_mirroring=False, device=torch.device("cpu"), perform_everything_on_device=False)
    predictor.initialize_from_trained_model_folder(str(folder), folds)
    properties = {"spacing": list(SPACING_MM)}
    return predictor.predict_single_npy_array(scan.hu[None], properties, None, None, True)


def probabilities_of(models, scan):
    image, box = prepare_image(scan.hu, scan.spacing_mm, models[0].grid)
    assert [part.indices(size)[:2] for part, size in zip(box, scan.hu.shape, strict=True)] == [
        (0, size) for size in scan.hu.shape
    ]
    return predict_probabilities([model.network for model in models], image, models[0].patch_size).numpy()


def test_the_bundle_gives_the_probabilities_of_nnunets_own_predictor(results, scan, tmp_path):
    written, remarks = import_nnunet(results, tmp_path / "b", OURS, ABOUT, orientation="RAS", folds=("0",))
    model = load_model(tmp_path / "b")
    assert model.labels == ["iph", "edema"] and model.fold is None
    assert "not known" in remarks[0] and written["trained_on"] is None
    theirs_mask, theirs = predicted_by_nnunet(results, scan, ("0",))
    ours_mask, ours = segment_scan(scan, [model]), probabilities_of([model], scan)
    # nnU-Net adds up in half precision, in which the weights of a tile's corners vanish
    inside = (slice(2, -2), slice(10, -10), slice(10, -10))
    np.testing.assert_allclose(ours[:, *inside], theirs[:, *inside], atol=0.01)
    assert np.abs(ours[:, *inside] - theirs[:, *inside]).mean() < 1e-3 < ours[1][inside].std()
    assert len(np.unique(theirs_mask[inside])) == 3
    assert (ours_mask[inside] == np.array([0, 1, 3])[theirs_mask[inside]]).mean() > 0.99


def test_several_folds_are_networks_whose_probabilities_are_averaged(results, scan, tmp_path):
    single = []
    for fold in ("0", "1"):
        import_nnunet(results, tmp_path / fold, OURS, ABOUT, orientation="RAS", folds=(fold,))
        single.append(probabilities_of([load_model(tmp_path / fold)], scan))
    import_nnunet(results, tmp_path / "both", OURS, ABOUT, orientation="RAS")
    both = load_models(tmp_path / "both")
    assert len(both) == 2 and not np.allclose(*single, atol=0.01)
    np.testing.assert_allclose(probabilities_of(both, scan), np.mean(single, axis=0), atol=1e-6)


def test_images_whose_axes_ran_the_other_way_are_turned_for_the_network_and_back(results, scan, tmp_path):
    folds = ("0",)
    import_nnunet(results, tmp_path / "ras", OURS, ABOUT, orientation="RAS", folds=folds)
    import_nnunet(results, tmp_path / "lps", OURS, ABOUT, orientation="LPS", folds=folds)
    hu = scan.hu[:8, :32, :32]  # one tile
    upright = Scan(np.ascontiguousarray(hu), scan.affine, SPACING_MM)
    turned = Scan(np.ascontiguousarray(hu[:, ::-1, ::-1]), scan.affine, SPACING_MM)
    as_trained = probabilities_of([load_model(tmp_path / "ras")], upright)
    np.testing.assert_allclose(
        probabilities_of([load_model(tmp_path / "lps")], turned)[:, :, ::-1, ::-1], as_trained, atol=2e-5
    )


def test_labels_of_theirs_that_are_one_of_ours_are_added_up_before_the_likeliest_wins(results, scan, tmp_path):
    import_nnunet(results, tmp_path / "apart", OURS, ABOUT, orientation="RAS", folds=("0",))
    import_nnunet(results, tmp_path / "one", {"iph": "iph", "ivh": "iph"}, ABOUT, orientation="RAS", folds=("0",))
    import_nnunet(
        results, tmp_path / "none", {"iph": "background", "ivh": "iph"}, ABOUT, orientation="RAS", folds=("0",)
    )
    image = torch.from_numpy(scan.hu[None, None, :8, :32, :32]) / 50
    apart, one, none = (load_model(tmp_path / name) for name in ("apart", "one", "none"))
    assert one.labels == none.labels == ["iph"]
    with torch.inference_mode():
        p, q, r = (model.network(image).softmax(dim=1) for model in (apart, one, none))
    torch.testing.assert_close(q, torch.stack([p[:, 0], p[:, 1] + p[:, 2]], dim=1))
    torch.testing.assert_close(r, torch.stack([p[:, 0] + p[:, 1], p[:, 2]], dim=1))


def test_a_checkpoint_that_would_run_code_is_refused_and_runs_nothing(results, tmp_path):
    folder = tmp_path / "evil"
    for name in ("plans.json", "dataset.json"):
        folder.mkdir(exist_ok=True)
        (folder / name).write_text((results / name).read_text())
    (folder / "fold_0").mkdir()
    content = {"network_weights": {"a": torch.zeros(1)}, "trainer_name": Command(tmp_path / "ran")}
    torch.save(content, folder / "fold_0/checkpoint_final.pth")
    with pytest.raises(StudyError, match="calls for more than tensors and plain values"):
        import_nnunet(folder, tmp_path / "b", OURS, ABOUT, orientation="RAS")
    assert not (tmp_path / "ran").exists() and not (tmp_path / "b").exists()
    (folder / "fold_0/checkpoint_final.pth").write_bytes(b"no file of torch")
    with pytest.raises(StudyError, match="(no file of torch|calls for more)"):
        import_nnunet(folder, tmp_path / "b", OURS, ABOUT, orientation="RAS")


def changed(results, tmp_path, plans=None, dataset=None):
    """The results with other JSON files."""
    folder = tmp_path / "changed"
    folder.mkdir()
    for name, change in (("plans.json", plans), ("dataset.json", dataset)):
        content = json.loads((results / name).read_text())
        (change or (lambda _: None))(content)
        (folder / name).write_text(json.dumps(content))
    (folder / "fold_0").symlink_to(results / "fold_0")
    return folder


def set_in(content, *keys_and_value):
    *keys, last, value = keys_and_value
    for key in keys:
        content = content[key]
    content[last] = value


@pytest.mark.parametrize(
    ("plans", "dataset", "options", "message"),
    [
        (("configurations", CONFIGURATION, "normalization_schemes", ["ZScoreNormalization"]), (), {}, "normalisation"),
        (("configurations", CONFIGURATION, "previous_stage", "3d_lowres"), (), {}, "follows the stage 3d_lowres"),
        (("transpose_forward", [2, 0, 1]), (), {}, "axes in the order"),
        (
            ("configurations", CONFIGURATION, "architecture", "network_class_name", "os.system"),
            (),
            {},
            "does not know: unknown network 'system'",
        ),
        (
            ("configurations", CONFIGURATION, "architecture", "arch_kwargs", "features_per_stage", [8, 9]),
            (),
            {},
            "not those of the network in plans.json",
        ),
        ((), ("labels", {"background": 0, "iph": [1, 2]}), {}, "regions that overlap"),
        ((), ("labels", {"background": 0, "iph": 1, "ivh": 3}), {}, "without a gap"),
        ((), ("channel_names", {"0": "CT", "1": "MR"}), {}, "one channel"),
        ((), (), {"labels": {"iph": "iph"}}, "say what ivh is"),
        ((), (), {"labels": OURS | {"sah": "iph"}}, "the network has no label sah"),
        ((), (), {"labels": {"iph": "bleed", "ivh": "ivh"}}, "say what iph is"),
        ((), (), {"orientation": "LP"}, "three letters"),
        ((), (), {"orientation": "SPR"}, "three letters"),
        ((), (), {"configuration": "2d"}, "there are: 3d_fullres"),
        ((), (), {"folds": ["7"]}, "no such file"),
        ((), (), {"about": {}}, "name is missing"),
    ],
)
def test_what_cannot_be_converted_says_why(results, tmp_path, plans, dataset, options, message):
    folder = changed(
        results,
        tmp_path,
        plans=lambda content: plans and set_in(content, *plans),
        dataset=lambda content: dataset and set_in(content, *dataset),
    )
    options = {"labels": OURS, "about": ABOUT, "orientation": "RAS"} | options
    with pytest.raises(StudyError, match=message):
        import_nnunet(folder, tmp_path / "b", options.pop("labels"), options.pop("about"), **options)
    assert not (tmp_path / "b").exists()


def test_plans_of_nnunet_before_2_5_are_understood(results, scan, tmp_path):
    def older(plans):
        settings = plans["configurations"][CONFIGURATION]
        kwargs = settings.pop("architecture")["arch_kwargs"]
        settings |= {
            "UNet_class_name": "PlainConvUNet",
            "UNet_base_num_features": 8,
            "unet_max_num_features": 8,
            "n_conv_per_stage_encoder": kwargs["n_conv_per_stage"],
            "n_conv_per_stage_decoder": kwargs["n_conv_per_stage_decoder"],
            "num_pool_per_axis": [0, 1, 1],
            "pool_op_kernel_sizes": kwargs["strides"],
            "conv_kernel_sizes": kwargs["kernel_sizes"],
        }

    folder = changed(results, tmp_path, plans=older)
    import_nnunet(folder, tmp_path / "old", OURS, ABOUT, orientation="RAS")
    import_nnunet(results, tmp_path / "new", OURS, ABOUT, orientation="RAS", folds=("0",))
    old, new = ([load_model(tmp_path / name)] for name in ("old", "new"))
    np.testing.assert_array_equal(probabilities_of(old, scan), probabilities_of(new, scan))


def test_the_command_writes_the_bundle_or_says_in_one_line_why_not(results, tmp_path, capsys):
    about = tmp_path / "about.yaml"
    about.write_text(json.dumps(ABOUT))  # JSON is YAML
    given = [str(results), str(tmp_path / "b"), "--labels", "iph=iph", "ivh=ivh", "--about", str(about), "--half"]
    assert main([*given, "--orientation", "RAS", "--folds", "0"]) == 0
    assert "MODEL_CARD.md" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "b").iterdir()} == {"model.json", "model.safetensors", "MODEL_CARD.md"}
    assert main([*given, "--orientation", "RAS"]) == 1
    assert "there is a bundle already" in capsys.readouterr().err
