"""nnU-Net's trainer with a budget from the config, seeded epochs and checkpoints that nothing has to unpickle.

Every epoch begins by seeding all generators from (seed, fold, epoch). Loading and augmentation in this process draw
from them alone, so a run that was killed and resumed at an epoch's end gives the weights of a run that never stopped,
and on one CPU two runs give the same bits. On CUDA, kernels add in varying order: close, not equal.
"""

import random
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from torch import nn

from ichor.disk_space import whole_file
from ichor.progress import track
from ichor.seeds import seed_for
from ichor.segmentation.case_store import CaseStore
from ichor.segmentation.folders import CONFIGURATION
from ichor.segmentation.network import architecture_of_plan, build_network

LEFT_RIGHT_AXIS = 2
"""Axis x of (z, y, x); images are stored in RAS+, so it runs from left to right."""
MAX_REPEATS = 4
"""A case with a rare label is drawn up to this many times as often as others (our choice)."""


class IchorTrainer(nnUNetTrainer):
    """nnU-Net trainer as this project runs it; call `set_budget` before `run_training`."""

    def __init__(self, plans: dict, configuration: str, fold: int, dataset_json: dict, device: torch.device):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.seed, self.identity, self.mirror_left_right, self.optimizer_name = 0, "", True, "sgd"
        self.labels_of_case: dict[str, list[str]] = {}
        # nnU-Net gives the coarsest output no weight; with two stages it is the only one, and 0 / 0 would be learned.
        self.enable_deep_supervision = len(self.configuration_manager.pool_op_kernel_sizes) > 2

    def set_budget(self, budget: dict, *, seed: int, identity: str, checkpoint_every_epochs: int) -> None:
        """Set how long and how to train.

        Parameters
        ----------
        budget : dict
            ``epochs``, ``iterations_per_epoch``, ``initial_lr`` and, optionally, ``validation_iterations`` (2),
            ``optimizer`` (``"sgd"`` as nnU-Net, or ``"adamw"``), ``oversample_foreground`` (0.33),
            ``mirror_left_right`` (True).
        seed : int
            The study's seed.
        identity : str
            What the training is of (plan, folds, budget, seed); only a checkpoint with the same one is resumed.
        checkpoint_every_epochs : int
        """
        self.num_epochs = int(budget["epochs"])
        self.num_iterations_per_epoch = int(budget["iterations_per_epoch"])
        self.num_val_iterations_per_epoch = int(budget.get("validation_iterations") or 2)
        self.initial_lr = float(budget["initial_lr"])
        self.oversample_foreground_percent = float(budget.get("oversample_foreground") or 0.33)
        self.mirror_left_right = bool(budget.get("mirror_left_right", True))
        self.optimizer_name = budget.get("optimizer") or "sgd"
        self.save_every = int(checkpoint_every_epochs)
        self.seed, self.identity = seed, identity

    @staticmethod
    def build_network_architecture(
        plans_manager, configuration_manager, num_input_channels, num_output_channels, enable_deep_supervision=True
    ) -> nn.Module:
        """Build the plan's network through our own builder, the one that inference uses."""
        architecture = plans_manager.plans["configurations"][CONFIGURATION]["architecture"]
        return build_network(
            architecture_of_plan(architecture),
            num_input_channels,
            num_output_channels,
            deep_supervision=enable_deep_supervision,
        )

    def configure_optimizers(self):
        """SGD as nnU-Net's, or AdamW for short budgets; polynomial decay either way."""
        if self.optimizer_name == "sgd":
            return super().configure_optimizers()
        optimizer = torch.optim.AdamW(self.network.parameters(), self.initial_lr, weight_decay=self.weight_decay)
        return optimizer, PolyLRScheduler(optimizer, self.initial_lr, self.num_epochs)

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self):
        """nnU-Net's augmentation settings, but a head is never turned round and mirrored left to right only."""
        rotation, dummy_2d, patch_size, _ = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        limit = 30.0 / 180.0 * np.pi  # nnU-Net turns thick-slice patches by up to 180 degrees within the slice
        mirror_axes = (LEFT_RIGHT_AXIS,) if self.mirror_left_right else ()
        self.inference_allowed_mirroring_axes = mirror_axes
        return (-min(limit, rotation[1]), min(limit, rotation[1])), dummy_2d, patch_size, mirror_axes

    @staticmethod
    def get_training_transforms(*args, **kwargs):
        """nnU-Net's augmentation without its stopwatch: the blur times two algorithms and takes the faster one."""
        transforms = nnUNetTrainer.get_training_transforms(*args, **kwargs)
        for transform in transforms.transforms:
            inner = getattr(transform, "transform", transform)
            if isinstance(inner, GaussianBlurTransform):
                inner.benchmark = False
        return transforms

    def initialize(self):
        """Draw the first weights from the seed; read cases from our own store."""
        self._seed_everything("weights")
        super().initialize()
        self.dataset_class = CaseStore

    def on_train_start(self):
        """Make network and loaders; no plots and no debug files, which would hold the machine's name."""
        if not self.was_initialized:
            self.initialize()
        self.dataset_class = CaseStore
        self.dataloader_train, self.dataloader_val = self.get_dataloaders()
        self.set_deep_supervision_enabled(self.enable_deep_supervision)

    def on_train_end(self):
        """Stop helper processes of the loaders."""
        for loader in (self.dataloader_train, self.dataloader_val):
            if hasattr(loader, "_finish"):
                loader._finish()

    def run_training(self):
        """Train from the current epoch to the last; a bar or one line per percent shows how far."""
        self.on_train_start()
        epochs = range(self.current_epoch, self.num_epochs)
        for _ in track(epochs, f"train fold {self.fold} from epoch {self.current_epoch}", total=len(epochs)):
            self._run_epoch()
        self.on_train_end()

    def _run_epoch(self) -> None:
        self._seed_everything("epoch", self.current_epoch)
        self.on_epoch_start()
        self.on_train_epoch_start()
        outputs = [self.train_step(next(self.dataloader_train)) for _ in range(self.num_iterations_per_epoch)]
        self.on_train_epoch_end(outputs)
        if not np.isfinite(self.logger.get_value("train_losses", step=-1)):
            raise FloatingPointError(f"loss of epoch {self.current_epoch} is not a number: lower initial_lr")
        with torch.no_grad():
            self.on_validation_epoch_start()
            steps = range(self.num_val_iterations_per_epoch)
            self.on_validation_epoch_end([self.validation_step(next(self.dataloader_val)) for _ in steps])
        self.on_epoch_end()

    def on_train_epoch_start(self):
        """Set mode and learning rate."""
        self.network.train()
        self.lr_scheduler.step(self.current_epoch)
        self.logger.log("lrs", self.optimizer.param_groups[0]["lr"], self.current_epoch)

    def on_epoch_end(self):
        """Close the epoch; write a checkpoint when it is due."""
        self.logger.log("epoch_end_timestamps", time.time(), self.current_epoch)
        self.current_epoch += 1
        if self.current_epoch % self.save_every == 0 or self.current_epoch == self.num_epochs:
            self.save_checkpoint(str(self.checkpoint_path))

    def do_split(self) -> tuple[list[str], list[str]]:
        """Training and validation cases of the fold; training cases with a rare label stand in the list repeatedly."""
        train, validation = super().do_split()
        return repeat_rare(train, self.labels_of_case), validation

    @property
    def checkpoint_path(self) -> Path:
        """Where the one newest checkpoint lies."""
        return Path(self.output_folder) / "checkpoint.pt"

    def save_checkpoint(self, filename: str) -> None:
        """Write tensors and plain values; the old checkpoint stays until the new one is complete."""
        if self.local_rank != 0 or self.disable_checkpointing:
            return
        content = {
            "identity": self.identity,
            "epoch": self.current_epoch,
            "network": self.bare_network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.grad_scaler.state_dict() if self.grad_scaler is not None else None,
            "log": _plain(self.logger.get_checkpoint()),
        }
        with whole_file(filename) as part:
            torch.save(content, part)

    def load_checkpoint(self, filename: str) -> bool:
        """Resume from `filename`; False, and nothing is changed, when it is of another training."""
        content = torch.load(filename, map_location=self.device, weights_only=True)
        if content["identity"] != self.identity:
            return False
        if not self.was_initialized:
            self.initialize()
        self.bare_network.load_state_dict(content["network"])
        self.optimizer.load_state_dict(content["optimizer"])
        if self.grad_scaler is not None and content["scaler"] is not None:
            self.grad_scaler.load_state_dict(content["scaler"])
        self.logger.load_checkpoint(content["log"])
        self.current_epoch = int(content["epoch"])
        return True

    @property
    def bare_network(self) -> nn.Module:
        """The network without what DDP or torch.compile wrapped around it."""
        network = getattr(self.network, "module", self.network)
        return getattr(network, "_orig_mod", network)

    def _seed_everything(self, *names: object) -> None:
        seed = seed_for(self.seed, "segmentation", self.fold, self.local_rank, *names)
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)


def repeat_rare(cases: list[str], labels_of_case: dict[str, list[str]]) -> list[str]:
    """Repeat each case as often as its rarest label is rarer than one in every case, at most `MAX_REPEATS` times.

    nnU-Net draws cases evenly and a label among those of the case, so a label that few cases have, such as
    intraventricular blood, is hardly seen in a short training.
    """
    having = Counter(label for case in cases for label in labels_of_case.get(case, ()))
    repeats = {label: min(MAX_REPEATS, round(len(cases) / number)) for label, number in having.items()}
    return [
        case for case in cases for _ in range(max([repeats[label] for label in labels_of_case.get(case, ())] or [1]))
    ]


def _plain(value):
    """Turn numpy numbers inside lists and dicts into Python numbers."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
