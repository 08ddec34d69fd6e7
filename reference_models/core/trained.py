"""A trained model is a sampler like any other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import gandiag
from gandiag.core.protocols import Sampler
from gandiag.core.samples import SampleSet
from gandiag.datasets._laws import rows_asked_for
from gandiag.errors import ConfigError
from reference_models.core.checkpoint import read_checkpoint, restore
from reference_models.core.data import Units, from_file
from reference_models.core.device import chosen_device
from reference_models.core.ema import MovingAverage
from reference_models.core.model import MODELS, Model, ModelSpec, config_of, evaluating
from reference_models.core.rng import Keys
from reference_models.core.shipped import FOLDER


class Trained:
    """A model read from a checkpoint.

    Attributes
    ----------
    name : str
    size : int or None
        None, but for translations: they can only translate as many images as there are.
    model : Model
    facts : dict
        Everything that the checkpoint says about its run: config, data, steps, seed, scores.
    """

    def __init__(self, path: Path, *, device: str, averaged: bool) -> None:
        saved = read_checkpoint(path)
        self.name, self.facts = path.stem if path.stem != "checkpoint" else path.parent.name, saved.facts
        self.spec: ModelSpec = MODELS.get(self.facts["name"])
        data = self.facts["data"]
        self.units, self._units_of_inputs = _units(data["units"]), _units(data.get("units_of_inputs", data["units"]))
        self.model: Model[Any] = self.spec.model(
            config_of(self.spec.config, self.facts["config"]), self.units, Keys(0, device=chosen_device(device))
        )
        average = MovingAverage({n: self.model.networks[n] for n in self.model.averaged}, 0.0)
        has_average = any(key.startswith("ema/") for key in saved.tensors)
        restore(self.model, average.state if has_average else {}, saved, name=path.name)
        if averaged and has_average:
            for name, state in average.state.items():
                self.model.networks[name].load_state_dict(state)
        self.inputs: Sampler | None = None
        if "translate" in self.spec.abilities:
            self.inputs = gandiag.open_sampler(from_file(self.facts["data"]["sources"][0]), lag=1)

    @property
    def size(self) -> int | None:
        """Rows that there are to translate; None where the model makes rows from noise."""
        return None if self.inputs is None else self.inputs.size

    def sample(self, n: int, *, rng: np.random.Generator, labels: Any = None) -> SampleSet:
        """Draw ``n`` rows in the units of the training data.

        Parameters
        ----------
        n : int
        rng : numpy.random.Generator
        labels : array of int, shape (n,), optional
            Classes to make, for conditional models; drawn with the shares of the training data when absent.
        """
        n = rows_asked_for(n)
        keys = Keys(int(rng.integers(2**62)), device=self.model.device)
        if self.inputs is not None:
            return self._translated(self.inputs.sample(n, rng=rng))
        chosen = self._classes(n, rng, labels)
        x = self.model.sample(n, keys, chosen)
        return self._as_samples(x, None if chosen is None else chosen.cpu().numpy())

    def seen(self, source: object) -> object:
        """Give data as the model sees them: black and white where it was trained on such, else as they are."""
        if self.units.scale != "binary":
            return source
        sampler = gandiag.open_sampler(source)
        drawn = sampler.sample(sampler.size or 5000, rng=np.random.default_rng(0))
        return replace(drawn, values=self.units.to_data(self.units.to_model(np.asarray(drawn.values))))

    def translate(self, samples: SampleSet) -> SampleSet:
        """Translate samples of the first domain into the second, for models that can."""
        if "translate" not in self.spec.abilities:
            raise ConfigError(f"{self.spec.name} translates nothing", received="translate", remedy="Call sample.")
        return self._translated(samples)

    def _translated(self, samples: SampleSet) -> SampleSet:
        x = self._units_of_inputs.to_model(np.asarray(samples.values)).to(self.model.device)
        with torch.no_grad(), evaluating(self.model.networks.values()):
            y: Tensor = self.model.translate(x)  # type: ignore[attr-defined]
        return self._as_samples(y, samples.labels)

    def _classes(self, n: int, rng: np.random.Generator, labels: Any) -> Tensor | None:
        if "conditional" not in self.spec.abilities:
            if labels is not None:
                raise ConfigError(f"{self.spec.name} takes no classes", received="labels", remedy="Leave them out.")
            return None
        if labels is None:
            labels = rng.choice(self.units.classes, size=n, p=self.units.shares)
        found = np.asarray(labels)
        if found.shape != (n,) or found.min() < 0 or found.max() >= self.units.classes:
            raise ConfigError(
                f"`labels` must be {n} classes from 0 to {self.units.classes - 1}",
                received=f"shape {found.shape}",
                remedy="Pass one whole number per sample.",
            )
        return torch.as_tensor(found.astype(np.int64)).to(self.model.device)

    def _as_samples(self, x: Tensor, labels: Any) -> SampleSet:
        in_range = self.units.scale != "none"
        return SampleSet(
            values=self.units.to_data(x),
            kind="image" if self.units.kind == "image" else "vector",
            labels=labels,
            value_range=(self.units.low, self.units.high) if in_range else None,
            lag=1,
            source=self.name,
        )


def _units(plain: dict[str, Any]) -> Units:
    return Units(**{**plain, "shape": tuple(plain["shape"]), "shares": tuple(plain["shares"])})


def load(path: str | Path, *, device: str = "cpu", averaged: bool = True) -> Trained:
    """Load a checkpoint as a sampler.

    Parameters
    ----------
    path : path
        A checkpoint.safetensors, the folder of a run, or the name of a checkpoint that ships with the package.
    device : {"cpu", "cuda", "mps", "auto"}
    averaged : bool
        Use the moving averages of the weights where there are any.

    Returns
    -------
    Trained

    Raises
    ------
    FileFormatError
        When there is no checkpoint of ours.
    """
    found = Path(path)
    shipped = FOLDER / f"{path}.safetensors"
    if not found.exists() and shipped.exists():
        found = shipped
    if found.is_dir():
        found = found / "checkpoint.safetensors"
    return Trained(found, device=device, averaged=averaged)


def shipped_names() -> tuple[str, ...]:
    """Name the checkpoints that ship with the package."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.safetensors")))
