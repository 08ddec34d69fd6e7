"""The place of translations: digits to the same digits changed by a known map, learnt without pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.rng import stream
from gandiag.numerics.nearest import nearest_rows
from reference_models.acceptance.bars import Bar, Numbers
from reference_models.oracles.translation import BARS, Domains, Map, judged, translators

Images = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Maps:
    """A translation and the way back, where no model is behind it."""

    translate: Map
    back: Map


class Translation:
    """Judge of a translation whose true map is known.

    Parameters
    ----------
    domains : Domains
    """

    def __init__(self, domains: Domains) -> None:
        self._domains = domains

    def judge(self, sampler: Any, *, seed: int) -> Numbers:
        """Measure a trained model that translates, or `Maps`; nothing in it is random."""
        found = sampler if isinstance(sampler, Maps) else Maps(**_named(translators(sampler.model)))
        return judged(found.translate, found.back, self._domains)

    def floor(self, *, seed: int, times: int) -> list[Numbers]:
        """Measure the true map, with a way back that looks the image up."""
        return [self.judge(Maps(translate=self._true, back=self._looked_up), seed=seed)]

    def bars(self, floor: list[Numbers], baselines: Mapping[str, Numbers]) -> list[Bar]:
        """Give the bars, which are the same for every map."""
        return list(BARS)

    @cached_property
    def fixtures(self) -> Mapping[str, Maps]:
        """Maps without cycle error, or without a picture."""
        return {
            "identity": Maps(translate=_same, back=_same),
            "permutation of the true images": Maps(translate=self._shuffled, back=self._shuffled_back),
            "constant": Maps(translate=self._constant, back=_same),
        }

    def _true(self, images: Images) -> Images:
        return self._domains.true(images)

    @cached_property
    def _known(self) -> tuple[Images, Images]:
        images = np.concatenate([self._domains.ones[0], self._domains.others[0]])
        return images, self._true(images)

    def _looked_up(self, images: Images) -> Images:
        sources, targets = self._known
        return sources[nearest_rows(_flat(images), _flat(targets))[1][:, 0]]

    def _shuffled(self, images: Images) -> Images:
        return self._true(images)[_order(len(images))]

    def _shuffled_back(self, images: Images) -> Images:
        back = self._looked_up(images)
        return back[np.argsort(_order(len(images)))]

    def _constant(self, images: Images) -> Images:
        mean: Images = np.broadcast_to(self._known[1].mean(axis=0), images.shape).copy()
        return mean


def _named(maps: tuple[Map, Map]) -> dict[str, Map]:
    return {"translate": maps[0], "back": maps[1]}


def _same(images: Images) -> Images:
    return images


def _order(n: int) -> NDArray[np.int64]:
    return stream(0, "acceptance", "permutation").permutation(n)


def _flat(images: Images) -> Images:
    return images.reshape(len(images), -1)
