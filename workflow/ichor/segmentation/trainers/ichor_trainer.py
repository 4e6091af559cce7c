"""nnU-Net's trainer with a budget from the config, seeded epochs and checkpoints of tensors and plain values.

Every sample is drawn from (seed, fold, epoch, batch, place in the batch), so a run that was killed and resumed at an
epoch's end gives the weights of a run that never stopped, and on one CPU two runs give the same bits. On CUDA, kernels
add in varying order: close, not equal.

Several processes train one network together: each makes its share of every batch, and gradients are added up. nnU-Net
can do that too, but there the samples, the loss and the share of patches with a label depend on how many processes
there are, and processes send each other Python objects. Here their number changes how sums round, and nothing else.
"""

import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from batchgenerators.dataloading.single_threaded_augmenter import SingleThreadedAugmenter
from batchgeneratorsv2.transforms.intensity.brightness import MultiplicativeBrightnessTransform
from batchgeneratorsv2.transforms.intensity.contrast import ContrastTransform
from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
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
from ichor.segmentation.trainers.draws import NumberedDraws
from ichor.segmentation.trainers.partial_labels import counts_where_drawn, spare_unlabelled
from ichor.training.device import autocast
from ichor.training.group import Group, seed_everything
from ichor.training.whole_batches import see_whole_batches

LEFT_RIGHT_AXIS = 2
"""Axis x of (z, y, x); images are stored in RAS+, so it runs from left to right."""
GRADIENT_NORM_LIMIT = 12.0
"""Of nnU-Net 2 (nnUNetTrainer.train_step)."""
OF_INTENSITY = (MultiplicativeBrightnessTransform, ContrastTransform, GammaTransform)
"""Changes that move HU; where a label follows HU, such as blood above a limit, they teach what is not so."""
MAX_REPEATS = 4
"""A case with a rare label is drawn up to this many times as often as others (our choice)."""


class IchorTrainer(nnUNetTrainer):
    """nnU-Net trainer as this project runs it; call `set_budget` before `run_training`.

    The parameters are nnU-Net's; where several processes train together, each calls `join` first.
    """

    def __init__(self, plans: dict, configuration: str, fold: int, dataset_json: dict, device: torch.device):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.group = Group()
        self.draws: list[NumberedDraws] = []
        self.seed, self.identity, self.mirror_left_right, self.optimizer_name = 0, "", True, "sgd"
        self.change_intensities, self.precision = True, "32"
        self.labels_of_case: dict[str, list[str]] = {}
        self.unlabelled: list[list[int]] = []  # sets of labels that some cases' readers did not draw
        # nnU-Net gives the coarsest output no weight; with two stages it is the only one, and 0 / 0 would be learned.
        self.enable_deep_supervision = len(self.configuration_manager.pool_op_kernel_sizes) > 2

    def join(self, group: Group) -> None:
        """Train as one of several processes."""
        self.group = group
        self.is_ddp, self.local_rank, self.device = False, group.rank, group.device  # see the top of this file
        if self.device.type != "cuda":
            self.grad_scaler = None

    def set_budget(
        self, budget: dict, *, seed: int, identity: str, checkpoint_every_epochs: int, precision: str = "32"
    ) -> None:
        """Set how long and how to train.

        Parameters
        ----------
        budget : dict
            ``epochs``, ``iterations_per_epoch``, ``initial_lr`` and, optionally, ``validation_iterations`` (2),
            ``optimizer`` (``"sgd"`` as nnU-Net, or ``"adamw"``), ``oversample_foreground`` (0.33),
            ``mirror_left_right`` (True), ``change_intensities`` (True: nnU-Net's brightness, contrast and gamma).
        seed : int
            The study's seed.
        identity : str
            What the training is of (plan, folds, budget, seed); only a checkpoint with the same one is resumed.
        checkpoint_every_epochs : int
        precision : {"32", "bf16"}
            On a CPU; on CUDA it is always nnU-Net's mixed precision.
        """
        self.num_epochs = int(budget["epochs"])
        self.num_iterations_per_epoch = int(budget["iterations_per_epoch"])
        self.num_val_iterations_per_epoch = int(budget.get("validation_iterations") or 2)
        self.initial_lr = float(budget["initial_lr"])
        self.oversample_foreground_percent = float(budget.get("oversample_foreground") or 0.33)
        self.mirror_left_right = bool(budget.get("mirror_left_right", True))
        self.change_intensities = bool(budget.get("change_intensities", True))
        self.optimizer_name = budget.get("optimizer") or "sgd"
        self.save_every = int(checkpoint_every_epochs)
        self.seed, self.identity, self.precision = seed, identity, precision

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

    def get_training_transforms(self, *args, **kwargs):
        """nnU-Net's augmentation without its stopwatch: the blur times two algorithms and takes the faster one."""
        transforms = nnUNetTrainer.get_training_transforms(*args, **kwargs)
        if not self.change_intensities:
            transforms.transforms = [t for t in transforms.transforms if not isinstance(_inner(t), OF_INTENSITY)]
        for transform in map(_inner, transforms.transforms):
            if isinstance(transform, GaussianBlurTransform):
                transform.benchmark = False
        return transforms

    def initialize(self):
        """Draw the first weights from the seed; read cases from our own store."""
        seed_everything(self._seed_for("weights"))
        super().initialize()
        see_whole_batches(self.network, self.group)
        self.dataset_class = CaseStore

    def on_train_start(self):
        """Make network and loaders; no plots and no debug files, which would hold the machine's name."""
        if not self.was_initialized:
            self.initialize()
        self.dataset_class = CaseStore
        self.dataloader_train, self.dataloader_val = self.get_dataloaders()
        self.draws = [
            NumberedDraws(loader.data_loader, self.group, self._seed_for(name))
            for name, loader in (("train", self.dataloader_train), ("validation", self.dataloader_val))
            if isinstance(loader, SingleThreadedAugmenter)  # loading in other processes is not reproducible
        ]
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
        title = f"train fold {self.fold} from epoch {self.current_epoch}"
        for _ in track(epochs, title, total=len(epochs)) if self.group.writes else epochs:
            self._run_epoch()
        self.on_train_end()

    def _run_epoch(self) -> None:
        for draws in self.draws:
            draws.begin_epoch(self.current_epoch)
        self.on_epoch_start()
        self.on_train_epoch_start()
        outputs = []
        for number in range(self.num_iterations_per_epoch):
            batch = next(self.dataloader_train)
            seed_everything(self._seed_for("step", self.current_epoch, number))  # for what the network draws itself
            outputs.append(self.train_step(batch))
        self.on_train_epoch_end(self._of_whole_batches(outputs))
        if not np.isfinite(self.logger.get_value("train_losses", step=-1)):
            raise FloatingPointError(f"loss of epoch {self.current_epoch} is not a number: lower initial_lr")
        with torch.no_grad():
            self.on_validation_epoch_start()
            steps = range(self.num_val_iterations_per_epoch)
            outputs = [self.validation_step(next(self.dataloader_val)) for _ in steps]
            self.on_validation_epoch_end(self._of_whole_batches(outputs))
        self.on_epoch_end()

    def train_step(self, batch: dict) -> dict:
        """One step as nnU-Net's, with the gradient of the whole batch."""
        images = batch["data"].to(self.device, non_blocking=True)
        targets = [target.to(self.device, non_blocking=True) for target in _listed(batch["target"])]
        self.optimizer.zero_grad(set_to_none=True)
        mine = self.group.take(self.batch_size)
        with self._autocast():
            outputs = self.network(images)
        loss = self._loss(_listed(outputs), targets)
        part = loss * ((mine.stop - mine.start) / self.batch_size)
        scaler = self.grad_scaler
        (scaler.scale(part) if scaler else part).backward()
        self.group.sum_gradients(self.network)
        if scaler:
            scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM_LIMIT)
        if scaler:
            scaler.step(self.optimizer)
            scaler.update()
        else:
            self.optimizer.step()
        return {"loss": loss.detach().cpu().numpy()}

    def _autocast(self) -> torch.autocast:
        """nnU-Net's mixed precision on CUDA; on a CPU bfloat16 where it was asked for."""
        if self.device.type == "cuda":
            return torch.autocast("cuda")
        return autocast(self.device, self.precision)

    def _loss(self, outputs: list[torch.Tensor], targets: list[torch.Tensor]) -> torch.Tensor:
        """Loss in single precision: a sum over a patch's voxels has more digits than bfloat16."""
        outputs = [output.float() for output in outputs]
        deep = self.enable_deep_supervision
        return self.loss(outputs if deep else outputs[0], targets if deep else targets[0])

    def _build_loss(self) -> nn.Module:
        """nnU-Net's loss, which takes no undrawn label for background."""
        return spare_unlabelled(super()._build_loss(), self.unlabelled, self.label_manager.num_segmentation_heads - 1)

    def validation_step(self, batch: dict) -> dict:
        """One step as nnU-Net's; a label counts only where it would have been drawn."""
        if not self.unlabelled:
            return super().validation_step(batch)
        images = batch["data"].to(self.device, non_blocking=True)
        targets = [target.to(self.device, non_blocking=True) for target in _listed(batch["target"])]
        with self._autocast():
            outputs = _listed(self.network(images))
        loss = self._loss(outputs, targets)
        counts = counts_where_drawn(outputs[0], targets[0], self.unlabelled)
        return {"loss": loss.detach().cpu().numpy(), **counts}

    def _of_whole_batches(self, outputs: list[dict]) -> list[dict]:
        """Losses and counts of the shares of batches to those of the batches."""
        if self.group.size == 1:
            return outputs
        mine = self.group.share(self.batch_size)
        weights = {"loss": (mine.stop - mine.start) / self.batch_size}
        names = list(outputs[0])
        shapes = [np.shape(outputs[0][name]) for name in names]
        flat = [np.concatenate([np.ravel(output[name]) * weights.get(name, 1) for name in names]) for output in outputs]
        sums = self.group.sum(np.stack(flat))
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
        parts = [np.split(row, ends) for row in sums]
        return [
            {name: part.reshape(shape) for name, part, shape in zip(names, row, shapes, strict=True)} for row in parts
        ]

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
        """Training and validation cases of the fold; training cases with a rare label stand in the list repeatedly.

        Of the fold ``"all"`` both are every case.
        """
        if self.fold == "all":  # nnU-Net lists the folder here, in no fixed order
            train = validation = sorted(self.labels_of_case)
        else:
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

    def _seed_for(self, *names: object) -> int:
        return seed_for(self.seed, "segmentation", self.fold, *names)


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


def _inner(transform):
    """The transform inside one that is applied now and then."""
    return getattr(transform, "transform", transform)


def _listed(targets: torch.Tensor | Iterable[torch.Tensor]) -> list[torch.Tensor]:
    return [targets] if isinstance(targets, torch.Tensor) else list(targets)


def _plain(value):
    """Turn numpy numbers inside lists and dicts into Python numbers."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
