"""The networks of a model that reads report texts: trained, one for each seed, and taken from a bundle."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from torch import nn

from ichor.models import registry
from ichor.models.text_encoder import folder_description, start_from_folder
from ichor.seeds import seed_for
from ichor.training import bundle, checkpoint
from ichor.training.device import choose_device, make_deterministic
from ichor.training.job import Job
from ichor.training.record import Record
from ichor.training.text_loop import TextRows, TextTraining, train_text
from ichor.training.text_tokens import UNKNOWN, Vocabulary


def fit_text_networks(
    job: Job, parts: Mapping[str, pd.DataFrame], tokens: Mapping[str, list[np.ndarray]], vocabulary: Vocabulary
) -> tuple[dict[str, np.ndarray], dict]:
    """Train a network for each seed.

    Parameters
    ----------
    job : ichor.training.job.Job
        What is fitted.
    parts : mapping
        ``train`` and ``tune`` -> rows with something to read.
    tokens : mapping
        The same -> tokens of each row's report.
    vocabulary : ichor.training.text_tokens.Vocabulary
        What they are of.

    Returns
    -------
    arrays, facts : dict
        For the bundle.
    """
    device = choose_device(job.device)
    make_deterministic(device, job.threads)
    features = (job.spec.get("record") or {}).get("features", [])
    record = Record.fitted(features, parts["train"], registry.post_baseline(job.spec)) if features else None
    sets = {
        role: TextRows(tokens[role], _matrix(record, part), part["label"].to_numpy(dtype=np.float32))
        for role, part in parts.items()
    }
    rate = float(sets["train"].labels.mean())
    prior_logit = float(np.log(rate / (1 - rate)))
    folder = job.spec.get("encoder")
    description = folder_description(folder) if folder else None
    facts = {"members": job.spec["training"]["seeds"], "prior_logit": prior_logit, "encoder_config": description}
    facts |= {"record": record.facts() if record else None}
    unknown = vocabulary.tokenizer.token_to_id(UNKNOWN)
    arrays = {}
    for member in range(facts["members"]):
        seed = seed_for(job.seed, job.task, job.target, job.draws or job.model, job.split, "text network", member)
        torch.manual_seed(seed_for(seed, "initial weights"))
        network = network_of(job.spec, vocabulary.size, record, description)
        if folder:
            facts["initial_weights"] = start_from_folder(network.encoder, folder)
        training = TextTraining(job.spec, seed, prior_logit, 0 if unknown is None else unknown, device)
        settings = {"spec": job.spec, "seed": seed, "versions": bundle.versions(), "threads": job.threads}
        settings |= {"vocabulary": vocabulary.facts(), "initial": facts.get("initial_weights")}
        contents = [part for rows in sets.values() for part in (*rows.tokens, rows.record, rows.labels)]
        path = job.checkpoint_dir / f"{job.model}-{member}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        state = train_text(
            network, training, sets["train"], sets["tune"], path, checkpoint.fingerprint(settings, contents)
        )
        arrays |= {f"{member}.{name}": tensor.numpy() for name, tensor in state.items()}
    return arrays, facts


def network_of(spec: dict, tokens: int, record: Record | None, description: dict | None) -> nn.Module:
    """Build the network of a complete spec, with weights drawn at random."""
    return registry.load(spec["kind"]).build(spec, tokens, record.width if record else 0, description)


def restored_networks(arrays: dict[str, np.ndarray], description: dict, device: torch.device) -> list[nn.Module]:
    """Networks of a bundle, with their weights."""
    record = Record.restored(description["record"]) if description["record"] else None
    networks = []
    for member in range(description["members"]):
        start = f"{member}."
        state = {
            name[len(start) :]: torch.from_numpy(array) for name, array in arrays.items() if name.startswith(start)
        }
        tokens = description["vocabulary"]["tokens"]
        network = network_of(description["spec"], tokens, record, description["encoder_config"])
        network.load_state_dict(state)
        networks.append(network.to(device).eval())
    return networks


def _matrix(record: Record | None, rows: pd.DataFrame) -> np.ndarray:
    return record.matrix(rows) if record else np.zeros((len(rows), 0), np.float32)
