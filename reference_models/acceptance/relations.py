"""The place of relations: pictures of an angle to pictures of another kind, learnt without pairs, judged by the angle.

The measure is the authors' (Kim et al. 2017, section 4.2): how the angle that is read off a translation hangs on the
angle of its input. A relation that comes out reversed is a relation, so the correlation counts without its sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.rng import stream
from gandiag.datasets.angles import WIDEST, drawn_at, read_angles
from reference_models.acceptance.bars import Bar, Numbers, quantile
from reference_models.acceptance.translations import Maps
from reference_models.oracles.translation import TOP, translators

Images = NDArray[np.float64]
Angles = NDArray[np.float64]

ROWS = 500


def related(one: Angles, other: Angles) -> float:
    """Give the size of the correlation of two rows of angles; 0 where one of them does not vary."""
    if min(one.std(), other.std()) < 1e-9:
        return 0.0
    return float(abs(np.corrcoef(one, other)[0, 1]))


def unevenness(angles: Angles) -> float:
    """Give the largest difference of the distribution of angles from that of even ones (Kolmogorov and Smirnov)."""
    even = (np.sort(angles) + WIDEST) / (2 * WIDEST)
    n = len(even)
    return float(max(np.max(np.arange(1, n + 1) / n - even), np.max(even - np.arange(n) / n)))


class Relation:
    """Judge of a translation between hands and horizons, on angles that no model has seen."""

    def judge(self, sampler: Any, *, seed: int) -> Numbers:
        """Measure a trained model that translates, or `Maps`.

        Returns
        -------
        dict
            ``relation``, ``relation_back``: size of the correlation of the angles, 1 is best. ``cycle``: mean absolute
            error of there and back, on [0, 1]. ``likeness``: the same of a translation to the true picture of the angle
            that is read off it. ``unevenness``: of the angles of translations, 0 to 1.
        """
        if isinstance(sampler, Maps):
            there, back = sampler.translate, sampler.back
        else:
            there, back = translators(sampler.model)
        hands, horizons = (_fresh(seed, side) for side in ("a", "b"))
        x = drawn_at(hands, "a")
        y = there(x)
        found = read_angles(y)
        return {
            "relation": related(hands, found),
            "relation_back": related(horizons, read_angles(back(drawn_at(horizons, "b")))),
            "cycle": _error(back(y), x),
            "likeness": _error(y, drawn_at(found, "b")),
            "unevenness": unevenness(found),
        }

    def floor(self, *, seed: int, times: int) -> list[Numbers]:
        """Measure the true map, many times over."""
        return [self.judge(Maps(translate=_true, back=_back), seed=seed + 1 + index) for index in range(times)]

    def bars(self, floor: list[Numbers], baselines: Mapping[str, Numbers]) -> list[Bar]:
        """Set the bars."""
        uneven = quantile(floor, "unevenness", 0.99) + 0.1
        return [
            Bar(number="relation", side="at least", limit=0.9, rule="correlation of the angles, without its sign"),
            Bar(number="relation_back", side="at least", limit=0.9, rule="the same on the way back"),
            Bar(number="cycle", side="at most", limit=0.05, rule="mean |F(G(a)) - a| per pixel on [0, 1]"),
            Bar(number="likeness", side="at most", limit=0.05, rule="mean error to the true picture of the angle read"),
            Bar(number="unevenness", side="at most", limit=uneven, rule="the floor's 99 % quantile + 0.1"),
        ]

    @cached_property
    def fixtures(self) -> Mapping[str, Maps]:
        """Maps that look right to some of the numbers."""
        return {
            "identity": Maps(translate=_same, back=_same),
            "constant": Maps(translate=lambda x: drawn_at(np.zeros(len(x)), "b"), back=_back),
            "two angles to one": Maps(translate=_folded, back=_back),
            "permutation of the true images": Maps(translate=_shuffled, back=_unshuffled),
            "a quarter of the angles": Maps(
                translate=lambda x: drawn_at(read_angles(x) / 4, "b"), back=lambda y: drawn_at(4 * read_angles(y), "a")
            ),
        }


def _fresh(seed: int, side: str) -> Angles:
    return stream(seed, "acceptance", "angles", side).uniform(-WIDEST, WIDEST, ROWS)


def _error(one: Images, other: Images) -> float:
    return float(np.mean(np.abs(one - other))) / TOP


def _same(images: Images) -> Images:
    return images


def _true(images: Images) -> Images:
    return drawn_at(read_angles(images), "b")


def _back(images: Images) -> Images:
    return drawn_at(read_angles(images), "a")


def _folded(images: Images) -> Images:
    return drawn_at(2 * np.abs(read_angles(images)) - WIDEST, "b")


def _order(n: int) -> NDArray[np.int64]:
    return stream(0, "acceptance", "permutation").permutation(n)


def _shuffled(images: Images) -> Images:
    return _true(images)[_order(len(images))]


def _unshuffled(images: Images) -> Images:
    return _back(images)[np.argsort(_order(len(images)))]
