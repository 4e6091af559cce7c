"""Where a network runs, and what makes two runs of it equal."""

import os

import torch

from ichor.errors import StudyError


def choose_device(name: str) -> torch.device:
    """Device for a config entry.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda"}
        ``"auto"`` takes a GPU if there is one.

    Raises
    ------
    ichor.errors.StudyError
        If the name is unknown, or a GPU is asked for and there is none.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise StudyError(f"compute.device: found {name!r}; write auto, cpu or cuda")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise StudyError("compute.device is cuda, but torch sees no GPU; write auto or cpu, or install a CUDA build")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def first_gpus(wanted: int) -> list[str]:
    """Names of the first GPUs that this job sees, as ``CUDA_VISIBLE_DEVICES`` has them.

    Parameters
    ----------
    wanted : int
        How many the job needs.

    Raises
    ------
    ichor.errors.StudyError
        If it sees fewer.
    """
    given, seen = os.environ.get("CUDA_VISIBLE_DEVICES"), torch.cuda.device_count()
    if seen < wanted:
        where = "CUDA_VISIBLE_DEVICES is not set" if given is None else f"CUDA_VISIBLE_DEVICES={given}"
        raise StudyError(
            f"compute.gpus_per_training is {wanted}, but this job sees {seen} GPUs ({where}); write {max(seen, 1)}, or "
            f"run where one computer has {wanted}"
        )
    return given.split(",")[:wanted] if given else [str(number) for number in range(wanted)]


def make_deterministic(device: torch.device, threads: int) -> None:
    """Fix the number of threads and ask torch for deterministic algorithms.

    On a GPU three-dimensional pooling has no deterministic gradient (torch 2.13), so there torch warns instead of
    refusing, and two runs agree closely but not to the last bit.
    """
    torch.set_num_threads(threads)
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Context in which a network's arithmetic runs.

    Parameters
    ----------
    device : torch.device
        Where.
    precision : {"32", "bf16"}
        Full single precision, or bfloat16 where it is safe.

    Raises
    ------
    ichor.errors.StudyError
        If the precision is unknown.
    """
    if precision not in ("32", "bf16"):
        raise StudyError(f'compute.precision: found {precision!r}; write "32" or "bf16"')
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
