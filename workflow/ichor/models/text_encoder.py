"""Encoders of report texts: a small one that is learned from scratch, or one from a local transformers folder.

Each turns tokens into features of places (a place per token), and these into features of the text. They are split so
that an explanation can start from the embedded tokens.
"""

import hashlib
import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import torch
from safetensors import SafetensorError
from torch import nn

from ichor.errors import StudyError
from ichor.models.torchvision_on_cpu import import_torchvision

NOTHING = -1e4
"""Stands for a feature of a place after the end of a text, where the largest one is looked for."""
PLACES = 8.0
"""Divisor of sums over places, so that training starts with answers of usual size; our choice."""


class ConvolutionEncoder(nn.Module):
    """Convolutions over short runs of tokens (Kim, EMNLP 2014, 1408.5882), of each text the largest values and sums.

    A feature of a place knows the run around it, so that a finding and the negation in front of it are seen together;
    where in the report it stands plays no part. Kim takes the largest value of each feature, which tells whether
    something is said; half of ours are summed instead, which lets each of several findings count. This, sizes and GELU
    are our choice: some hundred reports are little to learn an attention over all places from.

    Parameters
    ----------
    tokens : int
        Size of the vocabulary.
    width : int
        Length of a token's vector.
    windows : sequence of int
        Odd lengths of the runs, in tokens.
    channels : int
        Features per length.
    """

    def __init__(self, tokens: int, width: int, windows: Sequence[int], channels: int) -> None:
        super().__init__()
        if not windows or any(window < 1 or window % 2 == 0 for window in windows):
            raise StudyError(f"windows: found {list(windows)}; write odd numbers of tokens, for example [1, 3, 5]")
        self.embedding = nn.Embedding(tokens, width)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.runs = nn.ModuleList(nn.Conv1d(width, channels, window, padding=window // 2) for window in windows)
        self.num_features = len(windows) * channels

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        """Vectors of tokens, ``(batch, places)`` to ``(batch, places, width)``; 0 after the end of a text."""
        return self.embedding(tokens.clamp(min=0)) * (tokens >= 0)[:, :, None]

    def places(self, embedded: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        """Features of places, ``(batch, places, num_features)``; `inside` is False after the end of a text."""
        embedded = (embedded * inside[:, :, None]).transpose(1, 2)
        return nn.functional.gelu(torch.cat([run(embedded) for run in self.runs], dim=1).transpose(1, 2))

    def pooled(self, places: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        """Features of texts, ``(batch, num_features)``, of the places inside; 0 for a text without any.

        Of every other feature the largest value, of the others the sum.
        """
        largest = places[:, :, ::2].masked_fill(~inside[:, :, None], NOTHING).amax(dim=1)
        summed = (places[:, :, 1::2] * inside[:, :, None]).sum(dim=1) / PLACES
        return torch.cat([largest * inside.any(dim=1, keepdim=True), summed], dim=1)


class FolderEncoder(nn.Module):
    """The transformer of a local folder (``transformers``); features of a text are the mean over its places.

    Parameters
    ----------
    description : dict
        Content of the folder's ``config.json``.
    fine_tune : bool
        Whether training changes its weights.
    """

    def __init__(self, description: dict, *, fine_tune: bool) -> None:
        super().__init__()
        transformers = import_transformers()
        if "auto_map" in description:
            raise StudyError(
                "encoder: the folder's config.json asks for code of its own (auto_map), which is never run"
            )
        settings = {name: value for name, value in description.items() if name != "model_type"}
        try:
            config = transformers.AutoConfig.for_model(description["model_type"], **settings)
            self.transformer = transformers.AutoModel.from_config(config, trust_remote_code=False)
        except (KeyError, ValueError) as error:
            raise StudyError(f"encoder: config.json names no model that transformers knows ({error})") from error
        self.fine_tune = fine_tune
        self.transformer.requires_grad_(fine_tune)
        self.num_features = int(config.hidden_size)

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        """Vectors of tokens, ``(batch, places)`` to ``(batch, places, width)``; 0 after the end of a text."""
        return self.transformer.get_input_embeddings()(tokens.clamp(min=0)) * (tokens >= 0)[:, :, None]

    def places(self, embedded: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        """Features of places, ``(batch, places, num_features)``; `inside` is False after the end of a text."""
        seen = inside.clone()
        seen[:, 0] |= ~inside.any(dim=1)  # attention to no place at all has no value
        return self.transformer(inputs_embeds=embedded, attention_mask=seen.long()).last_hidden_state

    def pooled(self, places: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        """Features of texts, ``(batch, num_features)``: the mean over the places inside; 0 for a text without any."""
        weight = inside[:, :, None].to(places.dtype)
        return (places * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)

    def train(self, mode: bool = True) -> "FolderEncoder":
        """As of any module; a transformer that is not changed by training has no dropout either."""
        super().train(mode)
        if not self.fine_tune:
            self.transformer.eval()
        return self


def import_transformers() -> ModuleType:
    """Import transformers, which costs seconds and looks for torchvision: only where a folder is named."""
    import_torchvision()
    return importlib.import_module("transformers")


def folder_description(folder: str | Path) -> dict:
    """Content of ``config.json`` of a transformers folder.

    Raises
    ------
    ichor.errors.StudyError
        If it is absent or no JSON.
    """
    path = Path(folder, "config.json")
    if not path.is_file():
        raise StudyError(
            f"encoder: {folder} has no config.json; name a local folder that transformers wrote (save_pretrained), or "
            "an empty text for an encoder from scratch"
        )
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StudyError(f"encoder: {path} is no JSON ({error}); save the folder anew") from error


def start_from_folder(encoder: FolderEncoder, folder: str | Path) -> dict:
    """Fill an encoder with the weights of its folder: safetensors alone, nothing is unpickled or downloaded.

    Returns
    -------
    dict
        Plain values: ``folder`` (its name), ``sha256`` of each weights file, ``from_scratch`` (tensors that the files
        do not have).

    Raises
    ------
    ichor.errors.StudyError
        If there are no ``.safetensors`` files, they cannot be read, or nothing in them fits.
    """
    files = sorted(Path(folder).glob("*.safetensors"))
    if not files:
        raise StudyError(
            f"encoder: {folder} has no .safetensors file (others would have to be unpickled); save it anew with "
            "save_pretrained of transformers 4.35 or later"
        )
    try:
        loaded, said = import_transformers().AutoModel.from_pretrained(
            str(Path(folder).resolve()),
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise StudyError(f"encoder: {folder} cannot be read ({str(error).splitlines()[0]})") from error
    encoder.transformer.load_state_dict(loaded.state_dict())
    absent = sorted(said["missing_keys"])
    if len(absent) >= len(encoder.transformer.state_dict()):
        raise StudyError(f"encoder: the weights in {folder} fit no part of the model that its config.json describes")
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return {"folder": Path(folder).name, "sha256": digests, "from_scratch": absent}
