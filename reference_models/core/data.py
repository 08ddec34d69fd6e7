"""Training data: any source that gandiag opens, in the units of the model, in batches that hang on the step alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

import gandiag
from gandiag.core.protocols import Sampler
from gandiag.core.rng import stream
from gandiag.core.samples import SampleSet
from gandiag.errors import ConfigError
from gandiag.samplers._address import parse_address
from reference_models.core.rng import Keys

SCALES = {"none": None, "symmetric": (-1.0, 1.0), "unit": (0.0, 1.0), "binary": (0.0, 1.0)}
_LAW_SHOWN = 4096


@dataclass(frozen=True, kw_only=True)
class Units:
    """How samples and a model's tensors translate into each other; what a checkpoint must know to be a sampler.

    Parameters
    ----------
    shape : tuple of int
        Of one row of the model's tensors: (d,), or (channels, height, width).
    kind : str
        "vector" or "image".
    channels_last : bool
        Whether images come as (height, width, channels), not as (height, width).
    low, high : float
        Range of the samples. Both 0 where ``scale`` is "none".
    scale : {"none", "symmetric", "unit", "binary"}
        The model's range: as the samples are, [-1, 1], [0, 1], or 0 and 1 by halves.
    shares : tuple of float
        Share of every class; empty without classes.
    whole : bool
        Whether samples are whole numbers in their range, to which outputs are rounded, as any image file does.
    """

    shape: tuple[int, ...]
    kind: str
    channels_last: bool
    low: float
    high: float
    scale: str
    shares: tuple[float, ...] = ()
    whole: bool = False

    @classmethod
    def of(cls, samples: SampleSet, scale: str) -> Units:
        """Read the units off samples."""
        if scale not in SCALES:
            raise ConfigError(f"`scale` must be one of {', '.join(SCALES)}", received=scale, remedy="Mend the preset.")
        if scale != "none" and samples.value_range is None:
            raise ConfigError(
                f"the range of {samples.source} must be declared to be brought to the model's",
                received="no range",
                remedy="Pass images of whole numbers 0 to 255, or open the source with value_range=(low, high).",
            )
        low, high = (0.0, 0.0) if scale == "none" or samples.value_range is None else samples.value_range
        image, last = samples.kind == "image", len(samples.shape) == 3
        shape = ((samples.shape[2] if last else 1), *samples.shape[:2]) if image else (int(np.prod(samples.shape)),)
        shares: tuple[float, ...] = ()
        if samples.labels is not None and samples.modes is None:
            counts = np.bincount(samples.labels)
            shares = tuple(float(c) for c in counts / counts.sum())
        return cls(
            shape=shape,
            kind="image" if image else "vector",
            channels_last=last,
            low=float(low),
            high=float(high),
            scale=scale,
            shares=shares,
            whole=scale != "none" and all(bool((block == np.rint(block)).all()) for _, block in samples.blocks()),
        )

    @property
    def classes(self) -> int:
        """Number of classes, 0 without."""
        return len(self.shares)

    def to_model(self, values: np.ndarray[Any, Any]) -> Tensor:
        """Bring samples to the model's shape and range, as float32."""
        x = torch.as_tensor(np.array(values, dtype=np.float32))
        if self.channels_last:
            x = x.permute(0, 3, 1, 2)
        x = x.reshape(len(x), *self.shape)
        target = SCALES[self.scale]
        if target is None:
            return x
        unit = (x - self.low) / (self.high - self.low)
        if self.scale == "binary":
            return (unit >= 0.5).float()
        return unit * (target[1] - target[0]) + target[0]

    def to_data(self, x: Tensor) -> np.ndarray[Any, Any]:
        """Bring a model's output back to the samples' range and layout; what lies outside the range is cut off."""
        x = x.detach().float().cpu()
        target = SCALES[self.scale]
        if target is not None:
            unit = ((x - target[0]) / (target[1] - target[0])).clamp(0, 1)
            x = unit * (self.high - self.low) + self.low
            x = x.round() if self.whole else x
        if self.kind == "vector":
            return x.reshape(len(x), -1).double().numpy()
        return (x.permute(0, 2, 3, 1) if self.channels_last else x[:, 0]).double().contiguous().numpy()


def from_file(address: str) -> str:
    """Pass on an address that a checkpoint names, unless it would run code: a file that was sent must run none.

    Raises
    ------
    ConfigError
        For ``module:attribute``, ``file.py:attribute``, ``exec:program`` and files that are to be trusted.
    """
    if parse_address(address).runs_code:
        raise ConfigError(
            "a checkpoint must not name code as its data",
            received=address,
            remedy="Where you trust it, pass the data yourself.",
        )
    return address


class Domain:
    """One source in the model's units: all rows of a finite one, or a law that is drawn from anew.

    Parameters
    ----------
    source : object
        Anything that `gandiag.open_sampler` takes.
    scale : str
        See `Units`.
    """

    def __init__(self, source: object, scale: str) -> None:
        self.sampler: Sampler = gandiag.open_sampler(source, lag=1)  # no row of training data is left out
        self.address = source if isinstance(source, str) else self.sampler.name
        shown = self.sampler.sample(self.sampler.size or _LAW_SHOWN, rng=stream(0, "reference_models", "data"))
        self.units = Units.of(shown, scale)
        self.values = self.units.to_model(np.asarray(shown.values)) if self.sampler.size else torch.empty(0)
        labels = shown.labels if self.units.classes else None
        self.labels = None if labels is None else torch.as_tensor(np.array(labels))
        self.fingerprint = _fingerprint(shown)

    def to(self, device: torch.device) -> None:
        """Keep the rows on a device."""
        self.values = self.values.to(device)
        self.labels = None if self.labels is None else self.labels.to(device)


class Data:
    """What a model is trained on: one domain, or two for translation.

    Parameters
    ----------
    sources : sequence
        One source per domain.
    scale : {"none", "symmetric", "unit", "binary"}
        The range that the model works in.
    """

    def __init__(self, sources: Sequence[object], scale: str = "none") -> None:
        self.domains = [Domain(source, scale) for source in sources]
        if len({domain.units.shape for domain in self.domains}) != 1:
            raise ConfigError(
                "all domains must hold rows of one shape",
                received=[domain.units.shape for domain in self.domains],
                remedy="Bring the images to one size first.",
            )

    def require_pairs(self) -> None:
        """Refuse sources whose rows do not belong together, one by one, as far as that can be told.

        Sources of as many rows are read in one order, as a list of files is; rows of which both sources say the class
        must agree on it.
        """
        sizes = [domain.sampler.size for domain in self.domains]
        labels = [domain.labels for domain in self.domains if domain.labels is not None]
        if None in sizes or len(set(sizes)) > 1:
            raise ConfigError(
                "rows of sources that are paired must belong together, one by one",
                received=f"sources of {', '.join('no end of' if s is None else str(s) for s in sizes)} rows",
                remedy="Give finite sources of as many rows, in the same order.",
            )
        if len(labels) > 1 and any(not torch.equal(labels[0], other) for other in labels[1:]):
            raise ConfigError(
                "rows that are paired must be of one class",
                received="other classes",
                remedy="Order both sources alike.",
            )

    @property
    def units(self) -> Units:
        """Units of the last domain: what a model of one domain makes, and what a translation leads to."""
        return self.domains[-1].units

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Say what the data are, for the checkpoint."""
        return {
            "sources": [domain.address for domain in self.domains],
            "fingerprints": [domain.fingerprint for domain in self.domains],
            "units": asdict(self.units),
            "units_of_inputs": asdict(self.domains[0].units),
        }


class Batches:
    """The batches of one step: every call gives a fresh one.

    Rows of finite data go in epochs of a keyed order, none twice in an epoch. ``per_step`` batches of each domain
    belong to a step. With ``paired``, the batches of all domains are the same rows.
    """

    def __init__(self, data: Data, keys: Keys, size: int, per_step: int, *, paired: bool = False) -> None:
        self._data, self._keys, self.size, self._per_step, self._paired = data, keys, size, per_step, paired
        self._asked = [0] * len(data.domains)
        self._drawn: dict[int, tuple[Tensor, Tensor | None]] = {}

    def __call__(self, domain: int = 0) -> Tensor:
        """Give the next batch of a domain, shape (size, ...)."""
        return self.labelled(domain)[0]

    def labelled(self, domain: int = 0) -> tuple[Tensor, Tensor | None]:
        """Give the next batch and its classes, None where there are none."""
        source, j = self._data.domains[domain], self._asked[domain]
        self._asked[domain] += 1
        if j >= self._per_step:
            raise ConfigError(
                "a step must ask for as many batches as it declares", received=j + 1, remedy="Raise `per_step`."
            )
        at = self._keys.step * self._per_step + j
        name = f"data {0 if self._paired else domain}"
        if source.sampler.size is None:
            x, classes = self._fresh(domain, name)
            part = slice(j * self.size, (j + 1) * self.size)
            return x[part], None if classes is None else classes[part]
        rows = self._rows(source, at, name).to(source.values.device)
        labels = None if source.labels is None else source.labels[rows].to(self._keys.device)
        return source.values[rows].to(self._keys.device), labels

    def _fresh(self, domain: int, name: str) -> tuple[Tensor, Tensor | None]:
        """Draw all rows of the step from a law at once: a call of a sampler costs more than the rows of a toy."""
        if domain not in self._drawn:
            source = self._data.domains[domain]
            drawn = source.sampler.sample(self.size * self._per_step, rng=self._keys.numpy(name))
            x = source.units.to_model(np.asarray(drawn.values)).to(self._keys.device)
            labelled = source.units.classes and drawn.labels is not None
            classes = torch.as_tensor(np.array(drawn.labels)).to(self._keys.device) if labelled else None
            self._drawn[domain] = x, classes
        return self._drawn[domain]

    def _rows(self, source: Domain, at: int, name: str) -> Tensor:
        n = len(source.values)
        if self.size > n:
            raise ConfigError(
                "a batch must not hold more rows than the data", received=f"{self.size} of {n}", remedy="Lower `batch`."
            )
        epoch, place = divmod(at, n // self.size)
        order = _order(self._keys.seed, epoch, name, n)
        return order[place * self.size : (place + 1) * self.size]


@lru_cache(maxsize=8)
def _order(seed: int, epoch: int, name: str, n: int) -> Tensor:
    return Keys(seed, epoch).permutation(name, n)


def _fingerprint(samples: SampleSet) -> str:
    digest = hashlib.sha256()
    for _, block in samples.blocks():
        digest.update(np.ascontiguousarray(block, dtype="<f8").tobytes())
    if samples.labels is not None:
        digest.update(np.ascontiguousarray(samples.labels, dtype="<i8").tobytes())
    return f"{'x'.join(str(s) for s in (len(samples), *samples.shape))}-{digest.hexdigest()[:16]}"
