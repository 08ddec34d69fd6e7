"""What all pathologies share: the wrapped sampler, its own fixed look at the source, and exact ways back.

A pathology is one fixed law: whatever it needs to know about its source (means, spreads, box, memory) comes from one
draw of the source, made once from a stream of its own, never from the draw that it distorts. It takes the rows of
the source first and its own randomness after, so a dial at its healthy value returns the source's rows bit for bit.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from gandiag.core.options import refuse_unknown, whole
from gandiag.core.protocols import Sampler
from gandiag.core.rng import stream
from gandiag.core.samples import SampleSet
from gandiag.errors import ConfigError

Array = NDArray[Any]
Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Rows of an endless source (or of a large finite one) that its statistics are taken from.
ROWS_LOOKED_AT = 4096

P = ParamSpec("P")
T = TypeVar("T")


def wraps(
    of: str,
) -> Callable[[Callable[Concatenate[Sampler, object, P], T]], Callable[Concatenate[Sampler, object, P], T]]:
    """Make a function that wraps a sampler refuse unknown options, naming the nearest."""

    def decorate(
        wrapper: Callable[Concatenate[Sampler, object, P], T],
    ) -> Callable[Concatenate[Sampler, object, P], T]:
        known = list(inspect.signature(wrapper).parameters)[2:]

        @functools.wraps(wrapper)
        def wrapped(source: Sampler, severity: object, /, *args: P.args, **options: P.kwargs) -> T:
            refuse_unknown(options, known, of=f"the pathology {of}")
            return wrapper(source, severity, *args, **options)

        return wrapped

    return decorate


@dataclass(frozen=True, eq=False)
class Spread:
    """Statistics of the source, in the shape of one sample.

    Attributes
    ----------
    mean, sd, low, high : ndarray
        Of each value of a sample.
    """

    mean: Float
    sd: Float
    low: Float
    high: Float


class Wrapped:
    """A sampler that is wrong in one known way.

    Parameters
    ----------
    source : Sampler
        What is distorted.
    pathology : str
        Name of the pathology, which keys its stream.
    severity : float
        The dial.
    healthy : float
        The value of the dial that changes nothing.
    seed : int or str
        Seed of whatever is fixed about the distortion.
    """

    def __init__(
        self, source: Sampler, *, pathology: str, severity: float, seed: object = 0, healthy: float = 0.0
    ) -> None:
        self.source, self.pathology, self.severity = source, pathology, severity
        self.seed = whole(seed, "seed", at_least=0)
        self.is_healthy = severity == healthy

    @property
    def name(self) -> str:
        """The source's name, with what was done to it."""
        return f"{self.source.name}!{self.pathology}={self.severity:g}"

    @property
    def size(self) -> int | None:
        """As many rows as the source has."""
        return self.source.size

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw ``n`` rows of the source, then distort them."""
        drawn = self.source.sample(n, rng=rng)
        return replace(drawn if self.is_healthy else self.distorted(drawn, rng), source=self.name)

    def distorted(self, drawn: SampleSet, rng: np.random.Generator) -> SampleSet:
        """Distort rows of the source."""
        raise ConfigError("a pathology must say what it does", received=self.pathology, remedy="Define `distorted`.")

    def stream(self, use: str) -> np.random.Generator:
        """Make the stream behind one fixed part of the distortion."""
        return stream(self.seed, "pathology", self.pathology, use)

    def look(self, rows: int | None = ROWS_LOOKED_AT) -> SampleSet:
        """Draw from the source on the pathology's own stream: ``rows``, or every row of a finite source."""
        held = self.source.size
        if rows is None or (held is not None and held < rows):
            rows = held if held is not None else ROWS_LOOKED_AT
        return self.source.sample(rows, rng=self.stream("look"))

    @cached_property
    def looked_at(self) -> SampleSet:
        """The one draw that statistics of the source are taken from."""
        return self.look()

    @cached_property
    def spread(self) -> Spread:
        """Statistics of each value."""
        values = floats(self.looked_at)
        return Spread(values.mean(axis=0), values.std(axis=0), values.min(axis=0), values.max(axis=0))

    @cached_property
    def scale(self) -> Float:
        """Standard deviation of each value, 0 where it is constant within rounding."""
        spread = self.spread
        constant = spread.sd <= 1e-12 * np.abs(spread.mean)
        return np.where(constant, 0.0, spread.sd)

    def require_numeric(self, samples: SampleSet, *, because_of: str | None = None) -> None:
        """Refuse discrete samples: their values are names, which cannot be moved or blurred."""
        if samples.kind == "discrete":
            raise ConfigError(
                f"{because_of or self.pathology} must have vectors or images to work on",
                received=f"{samples.kind} samples of {self.source.name}",
                remedy="Leave it out."
                if because_of
                else "Use collapse, duplicate, memorise or noise, which have a meaning for whole numbers.",
            )


def raw(samples: SampleSet) -> Array:
    """Copy all values to the host, in their own dtype."""
    return np.concatenate([block for _, block in samples.blocks()])


def floats(samples: SampleSet) -> Float:
    """Copy all values to the host as float64, shape (n, ...)."""
    return raw(samples).astype(np.float64)


def with_values(samples: SampleSet, values: Float, *, clip: bool = True) -> SampleSet:
    """Put new values in, within the declared range unless told otherwise, in the source's floating dtype."""
    if clip and samples.value_range is not None:
        values = np.clip(values, *samples.value_range)
    dtype = raw(samples.take(np.arange(1))).dtype
    return replace(samples, values=values.astype(dtype) if dtype.kind == "f" else values)


def with_rows(samples: SampleSet, chosen: Mask, others: SampleSet, index: NDArray[np.int64]) -> SampleSet:
    """Put rows ``index`` of ``others`` where ``chosen`` is True, labels with them, values bit for bit."""
    if not chosen.any():
        return samples
    values = raw(samples)
    values[chosen] = raw(others.take(index))
    labels = samples.labels
    if labels is not None and others.labels is not None:
        labels = labels.copy()
        labels[chosen] = others.labels[index]
    return replace(samples, values=values, labels=labels)
