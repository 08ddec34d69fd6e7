"""Sources without an end: drawn in batches, in order, each batch checked and copied on receipt."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.dependence import FEWEST_ROWS, MOST_ROWS, dependence_stride
from gandiag.core.rng import stream
from gandiag.core.samples import SampleSet
from gandiag.errors import DtypeError, SamplerContractError, SamplerTimeout
from gandiag.samplers._finish import finish
from gandiag.samplers._guard import call
from gandiag.samplers._receive import Array, Form, as_labels, refuse_nonfinite, to_numpy
from gandiag.samplers._settings import Settings, rows_asked_for

Draw = Callable[[int, int], Any]
Begin = Callable[[int, np.random.Generator], Draw]

ROWS_PER_CALL = 4096
_MOST_STRIDE = 64
_MOST_ROWS_DRAWN = 2_000_000


@dataclass(frozen=True, eq=False)
class Drawn:
    """Rows in the order in which they arrived, with labels where the source gives them."""

    values: Array
    labels: NDArray[np.int64] | None
    notes: tuple[str, ...] = ()


class StreamSampler:
    """Draws batch by batch from code.

    Parameters
    ----------
    begin : callable
        ``begin(n, rng)`` draws what all ``n`` rows need (latents) and returns ``draw(start, stop)``, which gives those
        rows as an array or tensor, or as (rows, labels) where ``labelled``.
    name : str
    settings : Settings
    lag : int, optional
        1 where rows are independent by construction; None to measure what arrives.
    batch_size : int
        Rows per call unless ``settings`` say otherwise.
    mixes : bool
        Whether each draw is permuted, for sources that sort what they draw; only where rows are independent.
    labelled : bool
        Whether calls give (rows, labels).
    notes : tuple of str
    form_settings : callable, optional
        The settings by which rows are told, asked once they are there; those given otherwise.
    """

    size: int | None = None

    def __init__(
        self,
        begin: Begin,
        *,
        name: str,
        settings: Settings,
        lag: int | None = None,
        batch_size: int = ROWS_PER_CALL,
        mixes: bool = False,
        labelled: bool = False,
        notes: tuple[str, ...] = (),
        form_settings: Callable[[], Settings] | None = None,
    ) -> None:
        self.name = settings.name or name
        self._form_settings = form_settings or (lambda: settings)
        self._begin, self._settings, self._notes = begin, settings, notes
        self._lag = settings.lag or lag
        self._batch = settings.batch_size or batch_size
        self._mixes, self._labelled = mixes, labelled

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw exactly ``n`` rows."""
        n = rows_asked_for(n)
        if self._lag is None:
            drawn, lag, notes = self._measured(n, rng)
        else:
            drawn, lag = _every(self._draw(n * self._lag, rng), self._lag), 1
            notes = (f"one draw in {self._lag} was used, as declared",) if self._lag > 1 else ()
        if self._mixes:
            order = rng.permutation(n)
            labels = None if drawn.labels is None else drawn.labels[order]
            drawn = Drawn(drawn.values[order], labels, drawn.notes)
        return finish(
            drawn.values,
            form=Form.of(drawn.values.shape, drawn.values.dtype, self._form_settings(), name=self.name),
            settings=self._settings,
            name=self.name,
            lag=lag,
            labels=drawn.labels,
            notes=(*self._notes, *drawn.notes, *notes),
        )

    def _measured(self, n: int, rng: np.random.Generator) -> tuple[Drawn, int, tuple[str, ...]]:
        """Draw, look at the order of arrival, and thin what proves dependent by drawing more."""
        drawn = self._draw(n, rng)
        if n < FEWEST_ROWS:
            return drawn, 0, ()
        thinned, stride, left = drawn, 1, dependence_stride(_flat(drawn.values))[0]
        while left > 1:
            stride *= left
            found = f"consecutive draws depend on each other up to {stride - 1} rows apart"
            if stride > _MOST_STRIDE or n * stride > _MOST_ROWS_DRAWN or n < 4 * stride:
                return (
                    thinned,
                    left,
                    (f"{found}, too far to thin. Declare lag= to say from where they are independent",),
                )
            drawn = _joined(drawn, self._draw(n * stride - len(drawn.values), rng))
            thinned = _every(drawn, stride)
            left = dependence_stride(_flat(thinned.values))[0]
        return thinned, 1, () if stride == 1 else (f"{found}: one draw in {stride} was used",)

    def _draw(self, n: int, rng: np.random.Generator) -> Drawn:
        # Keyed apart from `rng`, so that the number of batches never changes what is drawn from `rng`.
        seeds = stream(int(rng.integers(2**62)), "globals of the sampler")
        draw = call(lambda: self._begin(n, rng), name=self.name, seed=int(seeds.integers(2**62)))
        batches = _Batches(n, name=self.name)
        began = time.monotonic()
        while batches.have < n:
            self._refuse_late(batches.have, n, time.monotonic() - began)
            start, stop = batches.have, min(n, batches.have + self._batch)
            raw = call(
                lambda start=start, stop=stop: draw(start, stop),  # type: ignore[misc]
                name=self.name,
                seed=int(seeds.integers(2**62)),
                progress=f"after {start} of {n} samples (batch {batches.count + 1})",
            )
            batches.add(raw, stop - start, labelled=self._labelled)
        return batches.drawn()

    def _refuse_late(self, have: int, n: int, seconds: float) -> None:
        limit = self._settings.timeout
        if limit is not None and seconds > limit:
            rate = have / seconds
            raise SamplerTimeout(
                f"{self.name} must deliver {n} samples within {limit:g} s",
                received=f"{have} samples in {seconds:.2g} s ({rate:.3g} per second; all would take {n / rate:.3g} s)",
                remedy="Allow more time, or ask for fewer samples.",
            )


class _Batches:
    """Collects batches into one array that is ours."""

    def __init__(self, n: int, *, name: str) -> None:
        self.n, self.name, self.have, self.count = n, name, 0, 0
        self._values: Array | None = None
        self._labels: list[NDArray[np.int64]] = []
        self._previous: Array | None = None
        self._notes: list[str] = []

    def add(self, raw: Any, asked: int, *, labelled: bool) -> None:
        """Check one batch and copy it."""
        self.count += 1
        if labelled and isinstance(raw, tuple) and len(raw) == 2:
            raw, labels = raw
            self._labels.append(as_labels(labels, asked, name=self.name))
        block = to_numpy(raw, name=self.name)
        if block.ndim == 0 or len(block) != asked:
            raise SamplerContractError(
                f"{self.name} must return exactly as many rows as it is asked for",
                received=f"shape {block.shape} when asked for {asked} (batch {self.count})",
                remedy="Return an array of shape (n, ...); nothing is padded or cut.",
            )
        refuse_nonfinite(block, name=self.name, start=self.have)
        if self._values is None:
            self._values = np.empty((self.n, *block.shape[1:]), dtype=block.dtype)
        self._refuse_other_kind(block)
        self._refuse_repeat(block)
        self._values[self.have : self.have + asked] = block
        self.have += asked
        self._previous = block

    def _refuse_other_kind(self, block: Array) -> None:
        values = self._values
        if values is None or (block.shape[1:] == values.shape[1:] and block.dtype == values.dtype):
            return
        if block.shape[1:] == values.shape[1:] and block.dtype.kind == values.dtype.kind:
            wider = np.promote_types(block.dtype, values.dtype)
            self._notes.append(f"batches of {values.dtype} and {block.dtype} were widened to {wider}")
            self._values = values.astype(wider)
            return
        raise SamplerContractError(
            f"all batches of {self.name} must be of one shape and dtype",
            received=f"rows of {block.shape[1:]} {block.dtype} in batch {self.count} after "
            f"{values.shape[1:]} {values.dtype}",
            remedy="Mend the sampler.",
        )

    def _refuse_repeat(self, block: Array) -> None:
        previous = self._previous
        if previous is None:
            return
        rows = min(len(block), len(previous))
        if rows < 2 or not np.array_equal(block[:rows], previous[:rows]):
            return
        # A constant or coarse law repeats itself honestly: refuse only what chance would do once in 1e9.
        shares = np.unique(block[:rows].reshape(rows, -1), axis=0, return_counts=True)[1] / rows
        if rows * np.log(float((shares**2).sum())) < -20.7:
            raise SamplerContractError(
                f"{self.name} must draw anew at every call",
                received=f"batch {self.count} equals batch {self.count - 1}",
                remedy="Draw from the generator that is passed in, instead of seeding inside the sampler.",
            )

    def drawn(self) -> Drawn:
        """Hand over everything."""
        if self._values is None:
            raise DtypeError(f"{self.name} must give rows", received="none", remedy="Mend the sampler.")
        labels = np.concatenate(self._labels) if len(self._labels) == self.count else None
        return Drawn(self._values, labels, tuple(dict.fromkeys(self._notes)))


def _flat(values: Array) -> NDArray[np.float64]:
    width = max(1, int(np.prod(values.shape[1:])))
    rows = min(len(values), MOST_ROWS, max(64, 4_000_000 // width))
    return values[:rows].reshape(rows, -1).astype(np.float64)


def _every(drawn: Drawn, step: int) -> Drawn:
    if step == 1:
        return drawn
    labels = None if drawn.labels is None else drawn.labels[::step]
    return Drawn(np.array(drawn.values[::step]), labels, drawn.notes)


def _joined(first: Drawn, second: Drawn) -> Drawn:
    labels = None
    if first.labels is not None and second.labels is not None:
        labels = np.concatenate([first.labels, second.labels])
    return Drawn(np.concatenate([first.values, second.values]), labels, first.notes)
