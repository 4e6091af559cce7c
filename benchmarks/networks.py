"""Cost of the selective scan by length, against a plain loop, and of a training step of every network of the config.

    python benchmarks/networks.py [--lengths 1024 4096 16384 32768] [--repeats 5]

Everything runs on one core, and CPU time is counted, so that other work on the machine changes little. The networks are
those of the demo's plan (config/config.yaml: patch 64 x 64 x 16, batch 2).
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import yaml
from rows import REPOSITORY, Row, row_of, save

sys.path.insert(0, str(REPOSITORY / "workflow"))  # the library is not installed: nothing is built

from ichor.segmentation.network import architecture_of_plan, build_network  # noqa: E402
from ichor.segmentation.plan import NETWORKS, make_plans  # noqa: E402
from ichor.segmentation.umamba.selective_scan import selective_scan  # noqa: E402

CHANNELS, STATES = 64, 16  # a Mamba layer of 32 feature maps
LOOP_AT_MOST = 16_384  # steps; the loop keeps every state, and takes seconds from here on
FINGERPRINT = {
    "spacings": [[5.0, 0.5, 0.5]] * 3,
    "shapes_after_crop": [[30, 400, 360]] * 3,
    "foreground_intensity_properties_per_channel": {
        "0": dict(mean=61, median=62, std=9, min=20, max=99, percentile_00_5=35, percentile_99_5=88)
    },
    "median_relative_size_after_cropping": 0.5,
}
DATASET = {
    "channel_names": {"0": "CT"},
    "labels": {"background": 0, "iph": 1, "ivh": 2},
    "numTraining": 3,
    "file_ending": ".nii.gz",
    "overwrite_image_reader_writer": "SimpleITKIO",
    "dataset": {f"case-{i}": {"images": ["/a.nii.gz"], "label": "/b.nii.gz"} for i in range(3)},
}


def cpu_ms(task: Callable[[], object], repeats: int) -> list[float]:
    """CPU time of each of some runs, after one that is not counted."""
    times = []
    for _ in range(repeats + 1):
        started = time.process_time()
        task()
        times.append((time.process_time() - started) * 1000)
    return times[1:]


def loop(x, dt, A, B, C):
    """The recurrence as one writes it down: one step after the other, every state kept for the gradient."""
    state, outputs = x.new_zeros((x.shape[0], *A.shape)), []
    for x_t, dt_t, B_t, C_t in zip(*(tensor.unbind(-1) for tensor in (x, dt, B, C)), strict=True):
        state = torch.exp(dt_t[..., None] * A) * state + (dt_t * x_t)[..., None] * B_t[:, None]
        outputs.append((state * C_t[:, None]).sum(-1))
    return torch.stack(outputs, dim=-1)


def measure_scan(length: int, repeats: int) -> list[Row]:
    """Rows of one length: forward and backward."""
    torch.manual_seed(0)
    x, dt = torch.randn(1, CHANNELS, length), torch.rand(1, CHANNELS, length) / 10
    B, C = torch.randn(1, STATES, length), torch.randn(1, STATES, length)
    A = -torch.arange(1.0, STATES + 1).repeat(CHANNELS, 1)
    values = [tensor.requires_grad_() for tensor in (x, dt, A, B, C)]
    ours = cpu_ms(lambda: selective_scan(*values).sum().backward(), repeats)
    peer = ""
    if length <= LOOP_AT_MOST:
        plain = cpu_ms(lambda: loop(*values).sum().backward(), 1)[0]
        peer = f"plain loop: {plain:,.0f} ms, {plain / row_of('', ours, '').value:.0f} x"
    what = f"selective scan with gradient, {length:,} steps, {CHANNELS} channels"
    return [row_of(what, ours, "ms", peer=peer)]


def measure_network(network: str, repeats: int) -> list[Row]:
    """Rows of one network on the demo's plan: a training step, and a tile of inference."""
    options = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())["segmentation"]["plan"]
    with tempfile.TemporaryDirectory() as work:
        plans = make_plans(Path(work), DATASET, FINGERPRINT, options, network)
    plan = plans["configurations"]["3d_fullres"]
    torch.manual_seed(0)
    net = build_network(architecture_of_plan(plan["architecture"]), 1, 3, deep_supervision=True)
    batch = torch.randn(plan["batch_size"], 1, *plan["patch_size"])

    def train() -> None:
        sum(output.square().mean() for output in net(batch)).backward()

    @torch.inference_mode()
    def segment() -> None:
        net(batch)

    weights = sum(weight.numel() for weight in net.parameters())
    return [
        row_of(f"training step, {network}", cpu_ms(train, repeats), "ms", peer=f"{weights:,} weights"),
        row_of(f"inference of two tiles, {network}", cpu_ms(segment, repeats), "ms"),
    ]


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lengths", type=int, nargs="+", default=[1024, 4096, 16384, 32768])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    started = time.perf_counter()
    rows = [row for length in options.lengths for row in measure_scan(length, options.repeats)]
    rows += [row for network in NETWORKS for row in measure_network(network, options.repeats)]
    save("networks", rows, time.perf_counter() - started)


if __name__ == "__main__":
    main()
