import pytest

from ichor.errors import StudyError
from ichor.segmentation.plan import grid_of, make_plans

DATASET = {
    "channel_names": {"0": "CT"},
    "labels": {"background": 0, "iph": 1},
    "numTraining": 3,
    "file_ending": ".nii.gz",
    "overwrite_image_reader_writer": "SimpleITKIO",
    "dataset": {f"case-{i}": {"images": ["/a.nii.gz"], "label": "/b.nii.gz"} for i in range(3)},
}
INTENSITY = {"mean": 61.0, "median": 62.0, "std": 9.0, "min": 20.0, "max": 99.0}
FINGERPRINT = {
    "spacings": [[5.0, 0.5, 0.5], [4.0, 0.45, 0.45], [6.0, 0.5, 0.5]],
    "shapes_after_crop": [[30, 200, 180]] * 3,
    "foreground_intensity_properties_per_channel": {
        "0": INTENSITY | {"percentile_00_5": 35.0, "percentile_99_5": 88.0}
    },
    "median_relative_size_after_cropping": 0.5,
}


def configuration(tmp_path, **options):
    plans = make_plans(tmp_path, DATASET, FINGERPRINT, options)
    return plans, plans["configurations"]["3d_fullres"]


def test_without_options_the_plan_is_nnunets_own(tmp_path):
    plans, own = configuration(tmp_path)
    assert own["spacing"][1:] == [0.5, 0.5] and own["architecture"]["arch_kwargs"]["features_per_stage"][0] == 32
    grid = grid_of(plans, keep_slices=False)
    assert (grid.clip_hu, grid.shift_hu, grid.scale_hu) == ((35.0, 88.0), 61.0, 9.0)
    assert plans["transpose_forward"] == [0, 1, 2]


def test_configured_values_replace_nnunets(tmp_path):
    plans, own = configuration(
        tmp_path,
        spacing_mm=[1.0, 1.2, None],
        patch_size=[60, 64, 16],
        features_per_stage=[8, 16, 32],
        convs_per_stage=1,
        batch_size=3,
        window_hu=[0, 100],
    )
    network = own["architecture"]["arch_kwargs"]
    assert own["spacing"] == [5.0, 1.2, 1.0]  # median slice distance; z, y, x
    assert own["patch_size"] == [16, 64, 60] and own["batch_size"] == 3
    assert network["n_stages"] == 3 and len(network["strides"]) == len(network["kernel_sizes"]) == 3
    assert network["kernel_sizes"][0] == [1, 3, 3]  # thick slices: the first stage works within them
    assert network["n_conv_per_stage"] == [1, 1, 1] and network["n_conv_per_stage_decoder"] == [1, 1]
    grid = grid_of(plans, keep_slices=True)
    assert (grid.clip_hu, grid.shift_hu, grid.scale_hu) == ((0.0, 100.0), 0.0, 25.0)


def test_spacing_may_be_left_to_the_scans_and_slices_stay(tmp_path):
    _, own = configuration(tmp_path, spacing_mm=[None, None, None])
    assert own["spacing"] == [5.0, 0.5, 0.5]
    _, nnunets = configuration(tmp_path)
    assert nnunets["spacing"][0] < 4.5  # nnU-Net's own: nearly the thinnest


@pytest.mark.parametrize(
    ("network", "blocks"), [("umamba_bot", [2, 2, 2, 1, 1, 1]), ("umamba_enc", [2, 2, 2, 1, 1, 1])]
)
def test_umamba_takes_over_the_plan(tmp_path, network, blocks):
    plain = make_plans(tmp_path, DATASET, FINGERPRINT, {})["configurations"]["3d_fullres"]
    own = make_plans(tmp_path, DATASET, FINGERPRINT, {}, network)["configurations"]["3d_fullres"]
    assert own["architecture"]["network_class_name"].rpartition(".")[2].lower() == network.replace("_", "")
    theirs, ours = plain.pop("architecture")["arch_kwargs"], own.pop("architecture")["arch_kwargs"]
    assert own == plain  # patch, batch and grid
    assert all(ours[key] == theirs[key] for key in ("features_per_stage", "strides", "kernel_sizes"))
    assert ours["n_blocks_per_stage"] == blocks[: theirs["n_stages"]]


def test_configured_convolutions_become_blocks(tmp_path):
    plans = make_plans(
        tmp_path, DATASET, FINGERPRINT, {"features_per_stage": [8, 8, 8], "convs_per_stage": 3}, "umamba_bot"
    )
    arguments = plans["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"]
    assert arguments["n_blocks_per_stage"] == [3, 3, 3] and arguments["n_conv_per_stage_decoder"] == [3, 3]


def test_a_patch_is_rounded_up_to_what_the_strides_divide(tmp_path):
    _, own = configuration(tmp_path, spacing_mm=[1.0, 1.0, None], patch_size=[61, 50, 9], features_per_stage=[8, 8, 8])
    factor = [1, 1, 1]
    for stride in own["architecture"]["arch_kwargs"]["strides"]:
        factor = [f * s for f, s in zip(factor, stride, strict=True)]
    assert all(size % f == 0 for size, f in zip(own["patch_size"], factor, strict=True))
    assert all(size >= wanted for size, wanted in zip(own["patch_size"], [9, 50, 61], strict=True))


def test_residual_planner(tmp_path):
    _, own = configuration(
        tmp_path, planner="nnUNetPlannerResEncM", patch_size=[64, 64, 16], features_per_stage=[8, 16], convs_per_stage=2
    )
    assert own["architecture"]["network_class_name"].endswith("ResidualEncoderUNet")
    assert own["architecture"]["arch_kwargs"]["n_blocks_per_stage"] == [2, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spacing": [1, 1, 5]}, "unknown key 'spacing'"),
        ({"planner": "Best"}, "write one of ExperimentPlanner"),
        ({"patch_size": [64, 64]}, "write 3 numbers"),
        ({"window_hu": [100, 0]}, "lower number first"),
    ],
)
def test_wrong_options_say_what_to_write(tmp_path, options, message):
    with pytest.raises(StudyError, match=message):
        configuration(tmp_path, **options)
