"""Generators of synthetic cases: a training step and a drawn case, U-KAN against MONAI's U-net; and a transplant.

Crops are noise of the default size, because time does not depend on what is in them. Each network is measured in a
process of its own, so that the memory is its own. With a GPU the same is measured there. Transplants are made between
plain heads (an oval brain in a skull, a ball of blood), in CPU time of one core, each scan read once.

    python benchmarks/generators.py [--steps 3] [--sampling-steps 5] [--matrices 128 512]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rows import REPOSITORY, Row, row_of, save

sys.path.insert(0, str(REPOSITORY / "workflow"))

NETWORKS = ("ukan", "monai_unet")


def measure(network: str, device: str, steps: int, sampling_steps: int) -> dict:
    """Seconds of each training step and of one batch of drawn crops, largest memory (MB), weights."""
    import numpy as np
    import torch

    from ichor.synthesis import registry
    from ichor.synthesis.diffusion.crops import CropSpec
    from ichor.synthesis.diffusion.networks import build
    from ichor.synthesis.diffusion.sampling import SamplingSettings, sample
    from ichor.synthesis.diffusion.schedule import Schedule

    torch.set_num_threads(1)
    where = torch.device(device)
    spec = registry.resolve({"kind": "diffusion", "network": network})
    crop, schedule = CropSpec.from_settings(spec), Schedule.from_settings(spec["schedule"])
    shape, batch = (crop.channels, *crop.learned.grid.shape), spec["training"]["batch_size"]
    predictor = build(spec, crop.channels, crop.learned.grid.shape).to(where)
    optimizer = torch.optim.AdamW(predictor.parameters(), foreach=False)
    noisy, classes = torch.randn(batch, *shape, device=where), torch.zeros(batch, dtype=torch.int64, device=where)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        t = torch.randint(0, schedule.steps, (batch,), device=where)
        predictor(noisy, t, classes).pow(2).mean().backward()
        optimizer.step()
        if where.type == "cuda":
            torch.cuda.synchronize()

    step()  # the first one prepares kernels
    training = [timed(step) for _ in range(steps)]
    settings = SamplingSettings(**spec["sampling"] | {"steps": sampling_steps})
    predictor.eval()
    drawing = timed(lambda: sample(predictor, schedule, shape, range(batch), 1, settings, where))
    drawing *= spec["sampling"]["steps"] / sampling_steps / batch
    memory = torch.cuda.max_memory_allocated() / 1e6 if where.type == "cuda" else 0.0
    memory = memory or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    weights = int(np.sum([weight.numel() for weight in predictor.parameters()]))
    return {"training_s": training, "case_s": drawing, "memory_mb": memory, "weights": weights, "batch": batch}


def timed(work) -> float:
    """Seconds that something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def head(folder: Path, number: int, matrix: int) -> dict:
    """Write one plain head of 32 slices with its mask; row of the table that a generator reads."""
    import nibabel as nib
    import numpy as np
    from scipy import ndimage

    rng, spacing = np.random.default_rng(number), (220 / matrix, 220 / matrix, 5.0)
    shape = (matrix, matrix, 32)
    x, y, z = np.meshgrid(
        *((np.arange(n) - (n - 1) / 2) * step for n, step in zip(shape, spacing, strict=True)),
        indexing="ij",
        sparse=True,
    )
    away = np.sqrt((x / 70) ** 2 + (y / 85) ** 2 + ((z + 8) / 70) ** 2)
    bleed = np.sqrt((x - (-1) ** number * 32) ** 2 + (y - 5) ** 2 + (z - 5) ** 2) <= 10 + number
    hu = np.where(away < 1, np.where(bleed, 62.0, 34.0), np.where(away < 1.09, 900.0, -1000.0))
    blur = (0.8 / spacing[0], 0.8 / spacing[1], 0)
    hu = ndimage.gaussian_filter(hu, blur) + 5 * ndimage.gaussian_filter(rng.normal(size=shape), (0.7, 0.7, 0))
    paths = {name: str(folder / f"{matrix}-{number}-{name}.nii.gz") for name in ("image", "mask")}
    arrays = {"image": np.clip(np.rint(hu), -1024, 3071).astype(np.int16), "mask": bleed.astype(np.uint8)}
    for name, path in paths.items():
        nib.save(nib.Nifti1Image(arrays[name], np.diag([*spacing, 1.0])), path)
    return {"split": "s", "role": "train", "patient": f"p{number}", "label_expansion": number % 2, **paths}


def transplant_row(matrix: int, heads: int, cases: int) -> Row:
    """CPU seconds of a transplanted case between heads of a matrix."""
    import pandas as pd

    from ichor.synthesis import registry

    spec = registry.resolve({"kind": "transplant"})
    with tempfile.TemporaryDirectory() as folder:
        rows = pd.DataFrame([head(Path(folder), number, matrix) for number in range(heads)])
        started = time.process_time()
        made = sum(1 for _ in registry.load("transplant").generate(spec, rows, cases, 1, 1))
        spent = time.process_time() - started
    return Row(f"a transplanted case, {matrix} x {matrix} x 32 voxels, CPU time, {heads} heads", spent / made, "s")


def rows_of(network: str, device: str, found: dict, sampling_steps: int) -> list[Row]:
    """Rows of one network on one device."""
    where = f"{network}, {device}"
    return [
        row_of(f"training step of {found['batch']} crops, {where}", found["training_s"], "s"),
        Row(f"largest memory, {where}", found["memory_mb"], "MB"),
        Row(f"drawing one case ({sampling_steps} DDIM steps), {where}", found["case_s"], "s"),
        Row(f"weights, {where}", found["weights"], ""),
    ]


def main() -> None:
    """Measure every network on every device there is."""
    import torch

    from ichor.synthesis import registry

    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--steps", type=int, default=3, help="training steps that are timed")
    arguments.add_argument(
        "--sampling-steps", type=int, default=5, help="DDIM steps that are timed, of all that are configured"
    )
    arguments.add_argument("--matrices", type=int, nargs="+", default=[128, 512], help="of the transplants")
    arguments.add_argument("--one", nargs=2, metavar=("NETWORK", "DEVICE"), help="measure this and print JSON")
    given = arguments.parse_args()
    if given.one:
        print(json.dumps(measure(*given.one, given.steps, given.sampling_steps)))
        return
    started, rows = time.perf_counter(), []
    configured = registry.resolve({"kind": "diffusion"})["sampling"]["steps"]
    for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
        for network in NETWORKS:
            command = [sys.executable, __file__, "--one", network, device, "--steps", str(given.steps)]
            command += ["--sampling-steps", str(given.sampling_steps)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            rows += rows_of(network, device, json.loads(output.splitlines()[-1]), configured)
    rows += [transplant_row(matrix, heads=6, cases=6) for matrix in given.matrices]
    save("generators", rows, time.perf_counter() - started)


if __name__ == "__main__":
    main()
