"""The place of objects: squares put on digits and taken from them, with the right answer known for every image.

Taken away and put on is not enough: an object has an amount. How bright the square was must come out as bright on
another digit, and a part of the object must be a part of the brightness.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gandiag.core.rng import stream
from gandiag.datasets._finite import digits
from gandiag.datasets.boxes import BRIGHTEST, FAINTEST, boxed, read_amounts
from reference_models.acceptance.bars import Bar, Numbers
from reference_models.core.model import Model, evaluating
from reference_models.oracles.translation import TOP

Images = NDArray[np.float64]
Cross = Callable[[Images, Images, float], tuple[Images, Images]]

ROWS = 800
# Half of the faintest square: what a pixel of the corner must reach to be one.
THERE = FAINTEST / 2
PARTS = np.linspace(0.0, 1.0, 9)


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """From images with, images without and an amount: the second with the objects of the first, the first without."""

    cross: Cross


def crossing(model: Model[Any]) -> Crossing:
    """Make one of a trained model, on grey levels."""

    def run(a: Images, b: Images, amount: float) -> tuple[Images, Images]:
        x, y = (model.units.to_model(images).to(model.device) for images in (a, b))
        with torch.no_grad(), evaluating(model.networks.values()):
            put, taken = model.cross(x, y, amount)  # type: ignore[attr-defined]
        return model.units.to_data(put), model.units.to_data(taken)

    return Crossing(cross=run)


class Objects:
    """Judge of crossings, on squares and digits that no model has seen together."""

    def judge(self, sampler: Any, *, seed: int) -> Numbers:
        """Measure a trained model that crosses, or a `Crossing`.

        Returns
        -------
        dict
            ``put``, ``left``: share of images with a square after one was put on, and after it was taken. ``amount``:
            correlation of the brightness that arrives with the one that was sent. ``monotone``: share of digits on
            which more of the object is never less bright (by half a grey level). ``put_to_none``, ``taken_to_none``:
            error to the true image over that of no change at all.
        """
        cross = sampler.cross if isinstance(sampler, Crossing) else crossing(sampler.model).cross
        plain, other, amounts = _held_out(seed)
        a = boxed(plain, amounts)
        put, taken = cross(a, other, 1.0)
        arrived, truth = read_amounts(put), boxed(other, amounts)
        course = np.stack([read_amounts(cross(a, other, float(part))[0]) for part in PARTS])
        varied = min(arrived.std(), amounts.std()) > 1e-9
        return {
            "put": float(np.mean(arrived >= THERE)),
            "left": float(np.mean(read_amounts(taken) >= THERE)),
            "amount": float(np.corrcoef(arrived, amounts)[0, 1]) if varied else 0.0,
            "monotone": float(np.mean((np.diff(course, axis=0) > -0.5).all(axis=0))),
            "put_to_none": _error(put, truth) / _error(other, truth),
            "taken_to_none": _error(taken, plain) / _error(a, plain),
        }

    def floor(self, *, seed: int, times: int) -> list[Numbers]:
        """Measure the true crossing; what lies under a square is taken from the image without it."""
        return [self._true(seed + 1 + index) for index in range(times)]

    def _true(self, seed: int) -> Numbers:
        plain = _held_out(seed)[0]

        def cross(a: Images, b: Images, amount: float) -> tuple[Images, Images]:
            return _put(a, b, amount), plain

        return self.judge(Crossing(cross=cross), seed=seed)

    def bars(self, floor: list[Numbers], baselines: Mapping[str, Numbers]) -> list[Bar]:
        """Set the bars, which are those of the project's specification and no change as the yardstick of errors."""
        return [
            Bar(number="put", side="at least", limit=0.95, rule="share of images with a square that was put on"),
            Bar(number="left", side="at most", limit=0.05, rule="share of images with a square that was taken"),
            Bar(number="amount", side="at least", limit=0.8, rule="correlation of brightness arrived and sent"),
            Bar(number="monotone", side="at least", limit=0.95, rule="share on which more of it is never less bright"),
            Bar(number="put_to_none", side="at most", limit=0.5, rule="error over that of no change at all"),
            Bar(number="taken_to_none", side="at most", limit=0.5, rule="error over that of no change at all"),
        ]

    @cached_property
    def fixtures(self) -> Mapping[str, Crossing]:
        """Crossings that look right to some of the numbers."""
        middle = (FAINTEST + BRIGHTEST) / 2
        return {
            "no change": Crossing(cross=lambda a, b, amount: (b, a)),
            "everything is the object": Crossing(cross=lambda a, b, amount: (amount * a, np.zeros_like(a))),
            "one brightness for all": Crossing(
                cross=lambda a, b, amount: (boxed(b, np.full(len(b), amount * middle)), _emptied(a))
            ),
            "squares of other images": Crossing(
                cross=lambda a, b, amount: (_put(a[_order(len(a))], b, amount), _emptied(a))
            ),
            "there and back": Crossing(
                cross=lambda a, b, amount: (_put(a, b, amount if amount == 1 else 0.5 - abs(amount - 0.5)), _emptied(a))
            ),
        }


def _held_out(seed: int) -> tuple[Images, Images, NDArray[np.float64]]:
    """Digits to carry squares, digits to get them, and brightness: each half as the model has not seen it."""
    rng = stream(seed, "acceptance", "objects")
    plain, other = (digits(part)[0][rng.permutation(898)[:ROWS]] for part in ("train", "test"))
    return plain, other, rng.integers(FAINTEST, BRIGHTEST, size=ROWS, endpoint=True).astype(np.float64)


def _put(a: Images, b: Images, amount: float) -> Images:
    """Lay the squares of ``a`` over ``b``; a part of one lets as much of ``b`` through."""
    sent = read_amounts(a)
    return (1 - amount) * b + amount * boxed(b, sent)


def _emptied(a: Images) -> Images:
    return boxed(a, np.zeros(len(a)))


def _order(n: int) -> NDArray[np.int64]:
    return stream(0, "acceptance", "permutation").permutation(n)


def _error(one: Images, other: Images) -> float:
    return float(np.mean(np.abs(one - other))) / TOP
