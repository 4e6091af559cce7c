"""nnU-Net's plan for a split's training scans, with the parts that the config fixes put in its place."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.experiment_planning.experiment_planners.network_topology import get_pool_and_conv_props
from nnunetv2.experiment_planning.experiment_planners.residual_unets import residual_encoder_unet_planners as residual

from ichor.errors import StudyError
from ichor.segmentation.folders import CONFIGURATION, DATASET, nnunet_environment
from ichor.segmentation.preprocess import Grid
from ichor.segmentation.umamba.networks import NETWORKS as UMAMBA
from ichor.segmentation.umamba.networks import umamba_of_plan

PLANNERS = {
    "ExperimentPlanner": ExperimentPlanner,
    "nnUNetPlannerResEncM": residual.nnUNetPlannerResEncM,
    "nnUNetPlannerResEncL": residual.nnUNetPlannerResEncL,
    "nnUNetPlannerResEncXL": residual.nnUNetPlannerResEncXL,
}
WINDOW_SCALES = 4
"""A fixed window is scaled to 0 ... 4: the spread nnU-Net's z-scores have (our choice)."""
MIN_EDGE = 4
"""Smallest edge of a feature map, as in nnU-Net's planner."""
NETWORKS = ("nnunet", *UMAMBA)
"""Words of the config key ``segmentation.network``; ``nnunet`` is the network that the planner plans."""
OPTIONS = ("planner", "spacing_mm", "window_hu", "patch_size", "batch_size", "features_per_stage", "convs_per_stage")


def make_plans(work_dir: Path, dataset: dict, fingerprint: dict, options: dict, network: str = "nnunet") -> dict:
    """Let nnU-Net plan, then put the configured values in.

    Parameters
    ----------
    work_dir : Path
        The split's work folder.
    dataset : dict
        nnU-Net's ``dataset.json``.
    fingerprint : dict
        nnU-Net's dataset fingerprint of the training scans, axes in the order (z, y, x).
    options : dict
        Keys `OPTIONS`; each may be absent or None, which leaves nnU-Net's own choice. Lengths and sizes per axis are
        in the order x, y, z; the third of ``spacing_mm`` may be None: every scan keeps its own slices. The first and
        second may be None too: the median of the training scans.
    network : str
        Word of `NETWORKS`.

    Returns
    -------
    dict
        nnU-Net plans with the one configuration ``3d_fullres``.
    """
    _check(options, network)
    spacing_mm = _target_spacing(options.get("spacing_mm"), fingerprint)
    with nnunet_environment(work_dir, loader_processes=1):
        _dump(work_dir / "nnUNet_raw" / DATASET / "dataset.json", dataset)
        _dump(work_dir / "nnUNet_preprocessed" / DATASET / "dataset_fingerprint.json", fingerprint)
        planner = PLANNERS[options.get("planner") or "ExperimentPlanner"](
            DATASET, overwrite_target_spacing=spacing_mm, suppress_transpose=True
        )
        plans = _plan_only_3d(planner)
    configuration = plans["configurations"][CONFIGURATION]
    configuration["batch_dice"] = False
    _fix_topology(configuration, options)
    if network in UMAMBA:
        configuration["architecture"] = umamba_of_plan(
            configuration["architecture"],
            network,
            configuration["patch_size"],
            keep_blocks=options.get("convs_per_stage") is not None,
        )
    if options.get("batch_size"):
        configuration["batch_size"] = int(options["batch_size"])
    if options.get("window_hu"):
        _fix_window(plans, *options["window_hu"])
    return json.loads(json.dumps(plans))


def grid_of(plans: dict, *, keep_slices: bool) -> Grid:
    """Return the network's grid that `plans` describe."""
    intensity = plans["foreground_intensity_properties_per_channel"]["0"]
    spacing = plans["configurations"][CONFIGURATION]["spacing"]
    return Grid(
        spacing_mm=tuple(float(size) for size in spacing),
        keep_slices=keep_slices,
        clip_hu=(intensity["percentile_00_5"], intensity["percentile_99_5"]),
        shift_hu=intensity["mean"],
        scale_hu=max(intensity["std"], 1e-8),
    )


def _plan_only_3d(planner: ExperimentPlanner) -> dict:
    """Plan without the 2D and low-resolution configurations, whose networks cost seconds to try and are not used."""
    plan_one = planner.get_plans_for_configuration
    planner.get_plans_for_configuration = lambda spacing, *rest: plan_one(spacing, *rest) if len(spacing) == 3 else {}
    planner.lowres_creation_threshold = 0.0
    plans = planner.plan_experiment()
    plans["configurations"] = {CONFIGURATION: plans["configurations"][CONFIGURATION]}
    return plans


def _check(options: dict, network: str) -> None:
    if network not in NETWORKS:
        raise StudyError(f"segmentation network: found {network!r}; write one of {', '.join(NETWORKS)}.")
    unknown = [key for key in options if key not in OPTIONS]
    if unknown:
        raise StudyError(f"segmentation plan: unknown key {unknown[0]!r}; known: {', '.join(OPTIONS)}.")
    planner = options.get("planner") or "ExperimentPlanner"
    if planner not in PLANNERS:
        raise StudyError(f"segmentation plan, planner: found {planner!r}; write one of {', '.join(PLANNERS)}.")
    for key, length in (("spacing_mm", 3), ("patch_size", 3), ("window_hu", 2)):
        value = options.get(key)
        if value is not None and len(value) != length:
            raise StudyError(f"segmentation plan, {key}: found {value!r}; write {length} numbers, or null.")


def _target_spacing(spacing_mm: Sequence[float | None] | None, fingerprint: dict) -> list[float] | None:
    """Configured spacing as (z, y, x); what is None takes the training scans' median.

    nnU-Net's own choice for thick slices is their 10th percentile: most scans would get slices in between, with masks
    that are mixed from two neighbours.
    """
    if spacing_mm is None:
        return None
    medians = np.median(np.asarray(fingerprint["spacings"], dtype=float), axis=0)
    wanted = tuple(reversed(spacing_mm))
    return [float(median if size is None else size) for median, size in zip(medians, wanted, strict=True)]


def _fix_topology(configuration: dict, options: dict) -> None:
    """Replace patch, number of stages, channels and convolutions where the config names them."""
    patch, features = options.get("patch_size"), options.get("features_per_stage")
    convs = options.get("convs_per_stage")
    arguments = configuration["architecture"]["arch_kwargs"]
    if patch is not None or features is not None:
        wanted = list(reversed(patch)) if patch is not None else configuration["patch_size"]
        spacing = configuration["spacing"]
        _, strides, kernels, _, _ = get_pool_and_conv_props(spacing, wanted, MIN_EDGE, 999_999)
        stages = min(len(features) if features is not None else len(strides), len(strides))
        strides, kernels = strides[:stages], kernels[:stages]
        factor = np.prod(strides, axis=0)
        configuration["patch_size"] = [int(-(-size // f) * f) for size, f in zip(wanted, factor, strict=True)]
        features = list(features or arguments["features_per_stage"])[:stages]
        arguments |= {"n_stages": stages, "features_per_stage": features, "strides": strides, "kernel_sizes": kernels}
    stages = arguments["n_stages"]
    blocks = "n_blocks_per_stage" if "n_blocks_per_stage" in arguments else "n_conv_per_stage"
    if convs is not None:
        arguments |= {blocks: [convs] * stages, "n_conv_per_stage_decoder": [convs] * (stages - 1)}
    arguments[blocks] = _of_length(arguments[blocks], stages)
    arguments["n_conv_per_stage_decoder"] = _of_length(arguments["n_conv_per_stage_decoder"], stages - 1)


def _of_length(values: Sequence[int], length: int) -> list[int]:
    values = [int(value) for value in values]
    return (values + values[-1:] * length)[:length] if values else [1] * length


def _fix_window(plans: dict, low_hu: float, high_hu: float) -> None:
    """Clip to a fixed window and let its lower end be 0.

    nnU-Net pads patches with 0. After its own z-score 0 is the mean of the bleeds, so every border looks like clot;
    with this shift 0 is air. A lower end at 0 HU or above also makes scans alike whose air was cut off.
    """
    if not low_hu < high_hu:
        raise StudyError(f"segmentation plan, window_hu: found [{low_hu}, {high_hu}]; write the lower number first.")
    plans["foreground_intensity_properties_per_channel"]["0"] |= {
        "percentile_00_5": float(low_hu),
        "percentile_99_5": float(high_hu),
        "mean": float(low_hu),
        "std": float(high_hu - low_hu) / WINDOW_SCALES,
    }


def _dump(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1))
