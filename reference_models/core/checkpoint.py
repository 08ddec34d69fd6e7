"""Checkpoints: one .safetensors file, written whole or not at all, without code in it.

Keys are ``net/<network>/<weight>``, ``ema/<network>/<weight>``, ``opt/<optimiser>/<network>.<weight>/<state>`` and
``state/<buffer>``; the header holds everything else as one JSON text under the key ``reference_model``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor
from torch.optim import Optimizer

from gandiag.core.files import replace_file
from gandiag.errors import ConfigError, FileFormatError
from reference_models.core.model import Model

HEADER = "reference_model"
SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a file holds: tensors by key, and the facts about the run."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """Select the tensors below a prefix, by the rest of their keys."""
        return {key[len(prefix) :]: value for key, value in self.tensors.items() if key.startswith(prefix)}


def tensors_of(model: Model[Any], averages: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
    """Collect all tensors of a run, each in memory of its own."""
    found = {f"net/{name}/{key}": v for name, net in model.networks.items() for key, v in net.state_dict().items()}
    found |= {f"ema/{name}/{key}": v for name, state in averages.items() for key, v in state.items()}
    names = _weight_names(model)
    for label, optimizer in model.optimizers.items():
        for weight, state in optimizer.state.items():
            found |= {
                f"opt/{label}/{names[id(weight)]}/{key}": value
                for key, value in state.items()
                if isinstance(value, Tensor)
            }
    found |= {f"state/{key}": value for key, value in model.buffers().items()}
    return {key: value.detach().cpu().clone().contiguous() for key, value in found.items()}


def restore(model: Model[Any], averages: dict[str, dict[str, Tensor]], saved: Checkpoint, *, name: str) -> None:
    """Put the tensors of a file back into a model that was built from the same config.

    Raises
    ------
    FileFormatError
        When weights are missing, left over, or of another shape.
    """
    expected = {f"net/{n}/{key}": v.shape for n, net in model.networks.items() for key, v in net.state_dict().items()}
    expected |= {f"ema/{n}/{key}": v.shape for n, state in averages.items() for key, v in state.items()}
    found = {key: v.shape for key, v in saved.tensors.items() if key in expected or key.startswith("net/")}
    if found != expected:
        odd = sorted({*found.items()} ^ {*expected.items()})
        raise FileFormatError(
            f"{name} must hold exactly the weights of its model",
            received=f"{len(odd)} that differ, such as {odd[0][0]}",
            remedy="Take the file as it was written.",
        )
    for net_name, net in model.networks.items():
        net.load_state_dict(saved.under(f"net/{net_name}/"))
    for net_name, state in averages.items():
        for key, value in saved.under(f"ema/{net_name}/").items():
            state[key].copy_(value)
    for label, optimizer in model.optimizers.items():
        _restore_optimizer(optimizer, _weight_names(model), saved.under(f"opt/{label}/"))
    model.load_buffers({key: value.to(model.device) for key, value in saved.under("state/").items()})


def _restore_optimizer(optimizer: Optimizer, names: dict[int, str], saved: dict[str, Tensor]) -> None:
    for group in optimizer.param_groups:
        for weight in group["params"]:
            prefix = f"{names[id(weight)]}/"
            state = {key[len(prefix) :]: value for key, value in saved.items() if key.startswith(prefix)}
            if state:  # step counts stay on the host, where torch keeps them
                optimizer.state[weight] = {k: v.clone() if k == "step" else v.to(weight) for k, v in state.items()}


def _weight_names(model: Model[Any]) -> dict[int, str]:
    return {id(w): f"{name}.{key}" for name, net in model.networks.items() for key, w in net.named_parameters()}


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a file whole or not at all: an earlier one stays until the new one is complete."""
    facts = {"schema_version": SCHEMA_VERSION, **checkpoint.facts}
    data = safetensors.torch.save(checkpoint.tensors, {HEADER: json.dumps(facts, allow_nan=False, sort_keys=True)})
    replace_file(path, data)


def read_facts(path: Path) -> dict[str, Any] | None:
    """Read what a file says about its run from its header alone; None where it holds no model of ours."""
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(HEADER)
    except Exception:  # whatever is wrong with it is told by the adapter of plain arrays
        return None
    return None if text is None else dict(json.loads(text))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a file.

    Raises
    ------
    FileFormatError
        When it is absent, cut short, or no checkpoint of this schema.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            text = (file.metadata() or {})[HEADER]
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        facts = json.loads(text)
        if facts["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema version {facts['schema_version']}")
    except Exception as error:
        raise FileFormatError(
            f"{path.name} must be a whole checkpoint of reference_models, schema version {SCHEMA_VERSION}",
            received=f"{type(error).__name__}: {error}",
            remedy="Name a checkpoint.safetensors that `python -m reference_models train` wrote.",
        ) from error
    return Checkpoint(tensors=tensors, facts=facts)


def refuse_changes(then: dict[str, Any], now: dict[str, Any], *, where: str) -> None:
    """Refuse to go on with a run whose settings are not those of its checkpoint; every difference is listed."""
    missing = object()
    differing = [
        f"{key}: {then.get(key, 'absent')} then, {now.get(key, 'absent')} now"
        for key in sorted({*then, *now})
        if then.get(key, missing) != now.get(key, missing)
    ]
    if differing:
        raise ConfigError(
            f"a run must go on with the settings of its checkpoint in {where}",
            received="; ".join(differing),
            remedy="Give the same settings, or another folder for a new run.",
        )
