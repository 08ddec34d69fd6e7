"""The place of maps from one image to another that were learnt from pairs, so that every error can be measured.

Held-out digits are mapped, and compared with the true images. An error of pixels alone rewards blur: the mean of all
that is possible has the least squared error and need be no image. So the digits must also be read, the heap must look
like true images, and its detail must be theirs. Beside the model stand guesses that need no network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gandiag.datasets.domains import true_map
from gandiag.numerics.frechet_distance import frechet_distance
from reference_models.acceptance.bars import Bar, Numbers
from reference_models.acceptance.guesses import Guess, constant, nearest, ridge
from reference_models.oracles.translation import TOP, Domains, Images, Map, digits, one_way

Limits = Callable[[Mapping[str, Numbers]], list[Bar]]
SIDE = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """What is asked of a map.

    Parameters
    ----------
    shown : callable
        What of an image may be looked at, shape (n, k), for guesses.
    wanted : callable
        What has to be found, shape (n, m).
    put : callable
        Images, from those given and from what was found.
    true : callable
        The true images.
    guesses : dict
        Names of guesses, and how each is learnt from what is shown and wanted in the training images.
    bars : callable
        The bars, from what the guesses score.
    """

    shown: Callable[[Images], Images]
    wanted: Callable[[Images], Images]
    put: Callable[[Images, Images], Images]
    true: Map
    guesses: Mapping[str, Callable[[Images, Images], Guess]]
    bars: Limits


class Restoration:
    """Judge of a map whose true images are known; nothing in it is random."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._train, self._test = digits("train"), digits("test")

    @cached_property
    def _domains(self) -> Domains:
        """Held-out digits as what is mapped, and the true images of the training digits as what these look like."""
        return Domains(ones=self._test, others=self._train, true=self._task.true)

    def judge(self, sampler: Any, *, seed: int) -> Numbers:
        """Measure a trained model that translates, or a map of images with grey levels from 0 to 16.

        Returns
        -------
        dict
            ``mse`` and ``paired``: mean squared and mean absolute error of what was wanted, on [0, 1]. ``psnr``: the
            first in decibels. ``label``: share of digits that a classifier of true images reads. ``frechet_to_floor``:
            Fréchet distance to the true images of other digits, over that of the right answers. ``detail``: mean square
            of the discrete Laplacian, over that of the right answers. ``pooled``: mean absolute error of the image
            averaged over squares of 2 by 2.
        """
        run: Map = sampler if callable(sampler) else one_way(sampler.model)
        (x, labels), task, reader = self._test, self._task, self._domains.reader
        y, truth = run(x), task.true(x)
        off = (task.wanted(y) - task.wanted(truth)) / TOP if task.wanted(x).shape[1] < SIDE**2 else (y - truth) / TOP
        real = reader.features(self._domains.b[0])
        far, floor = (float(frechet_distance(real, reader.features(images))) for images in (y, truth))
        mse = float(np.square(off).mean())
        return {
            "mse": mse,
            "psnr": float(-10 * np.log10(max(mse, 1e-10))),
            "paired": float(np.abs(off).mean()),
            "label": float(np.mean(reader.read(y) == labels)),
            "frechet_to_floor": far / floor,
            "detail": detail(y) / detail(truth),
            "pooled": float(np.abs(pooled(y) - pooled(truth)).mean()) / TOP,
        }

    def floor(self, *, seed: int, times: int) -> list[Numbers]:
        """Measure the true map."""
        return [self.judge(self._task.true, seed=seed)]

    def bars(self, floor: list[Numbers], baselines: Mapping[str, Numbers]) -> list[Bar]:
        """Set the bars of the task, from the true map and the guesses."""
        return self._task.bars({**baselines, "truth": floor[0]})

    @cached_property
    def fixtures(self) -> Mapping[str, Map]:
        """Guesses without a network, and true images of other digits."""
        task, train = self._task, self._train[0]
        shown, wanted = task.shown(train), task.wanted(task.true(train))
        found = {name: self._guessing(learn(shown, wanted)) for name, learn in task.guesses.items()}
        return {**found, "true images of other digits": lambda images: task.true(np.roll(images, 1, axis=0))}

    def _guessing(self, guess: Guess) -> Map:
        task = self._task

        def run(images: Images) -> Images:
            return np.clip(np.rint(task.put(images, guess(task.shown(images)))), 0.0, TOP)

        return run


def detail(x: Images) -> float:
    """Mean square of the discrete Laplacian inside the images, shape (n, h, w): 0 for what is smooth."""
    inner = x[:, 1:-1, 1:-1]
    around = x[:, :-2, 1:-1] + x[:, 2:, 1:-1] + x[:, 1:-1, :-2] + x[:, 1:-1, 2:]
    return float(np.square(around - 4 * inner).mean())


def pooled(x: Images) -> Images:
    """Average squares of 2 by 2."""
    n, h, w = x.shape
    out: Images = x.reshape(n, h // 2, 2, w // 2, 2).mean(axis=(2, 4))
    return out


def flat(x: Images) -> Images:
    """Lay out images as rows."""
    return x.reshape(len(x), -1)


def at_most(name: str, limit: float, rule: str) -> Bar:
    """Make a bar from above."""
    return Bar(number=name, side="at most", limit=limit, rule=rule)


def at_least(name: str, limit: float, rule: str) -> Bar:
    """Make a bar from below."""
    return Bar(number=name, side="at least", limit=limit, rule=rule)


def _as_image(images: Images, found: Images) -> Images:
    return found.reshape(images.shape)


def _translation_bars(scores: Mapping[str, Numbers]) -> list[Bar]:
    best = min(scores[name]["paired"] for name in ("no change", "best constant offset", "ridge regression"))
    return [
        at_most(
            "paired", 0.5 * best, "half the error of the best of no change, a constant offset and ridge regression"
        ),
        at_least("label", 0.9, "share of digits that a classifier of true images reads"),
        at_most("frechet_to_floor", 3.0, "Fréchet distance to true images over that of the right answers"),
    ]


def translated(kind: str) -> Restoration:
    """Make the judge of a translation that is learnt from pairs."""

    def true(images: Images) -> Images:
        return true_map(images, kind)

    def same(x: Images, y: Images) -> Guess:
        return lambda shown: shown

    def offset(x: Images, y: Images) -> Guess:
        return lambda shown: shown + np.median(y - x)

    task = Task(
        shown=flat,
        wanted=flat,
        put=_as_image,
        true=true,
        guesses={"no change": same, "best constant offset": offset, "ridge regression": ridge, "nearest pair": nearest},
        bars=_translation_bars,
    )
    return Restoration(task)


_HOLE = np.zeros((SIDE, SIDE), dtype=bool)
_HOLE[2:6, 2:6] = True


def _filled(images: Images, found: Images) -> Images:
    out = images.copy()
    out[:, _HOLE] = found
    return out


def _filling_bars(scores: Mapping[str, Numbers]) -> list[Bar]:
    best = min(scores[name]["mse"] for name in ("mean fill", "nearest neighbour", "ridge regression"))
    read, mean = scores["truth"]["label"], scores["mean fill"]["label"]
    return [
        at_most("mse", 0.95 * best, "0.95 x the best of mean, nearest neighbour and ridge regression from the border"),
        at_least("label", 0.5 * (read + mean), "halfway from the mean's to that of the true images"),
        at_most("frechet_to_floor", 0.5 * scores["ridge regression"]["frechet_to_floor"], "half of ridge regression's"),
    ]


def holes() -> Restoration:
    """Make the judge of fillings of a hole of 4 by 4 in the middle of digits."""
    return Restoration(
        Task(
            shown=lambda images: images[:, ~_HOLE],
            wanted=lambda images: images[:, _HOLE],
            put=_filled,
            true=lambda images: images,
            guesses={
                "mean fill": lambda x, y: constant(y),
                "nearest neighbour": nearest,
                "ridge regression": ridge,
            },
            bars=_filling_bars,
        )
    )


def doubled(found: Images) -> Images:
    """Double images of 4 by 4 pixels by straight lines between their middles, the edges kept; shape (n, 8, 8)."""
    at = np.clip((np.arange(SIDE) + 0.5) / 2 - 0.5, 0, SIDE // 2 - 1)
    low = np.minimum(np.floor(at).astype(int), SIDE // 2 - 2)
    weights = np.zeros((SIDE, SIDE // 2))
    weights[np.arange(SIDE), low] = 1 - (at - low)
    weights[np.arange(SIDE), low + 1] = at - low
    out: Images = np.einsum("ip,npq,jq->nij", weights, found.reshape(-1, SIDE // 2, SIDE // 2), weights)
    return out


def _finer_bars(scores: Mapping[str, Numbers]) -> list[Bar]:
    read, lines, linear = scores["truth"]["label"], scores["bilinear"], scores["ridge regression"]
    best = min(scores[name]["mse"] for name in ("bilinear", "nearest neighbour"))
    return [
        at_most("mse", 0.9 * best, "0.9 x the best of bilinear interpolation and nearest neighbour"),
        at_least("label", 0.5 * (read + lines["label"]), "halfway from bilinear interpolation's to the true images'"),
        at_most("frechet_to_floor", 0.5 * linear["frechet_to_floor"], "half of ridge regression's"),
        at_least("detail", 0.8, "the detail of true images, within a fifth"),
        at_most("detail", 1.25, "the detail of true images, within a fifth"),
        at_most("pooled", 0.05, "error of the image averaged to what was shown, on [0, 1]"),
    ]


def finer() -> Restoration:
    """Make the judge of digits of 8 by 8 made from their averages over squares of 2 by 2."""
    return Restoration(
        Task(
            shown=lambda images: flat(pooled(images)),
            wanted=flat,
            put=_as_image,
            true=lambda images: images,
            guesses={
                "bilinear": lambda x, y: lambda shown: flat(doubled(shown)),
                "pixels repeated": lambda x, y: (
                    lambda shown: flat(shown.reshape(-1, SIDE // 2, SIDE // 2).repeat(2, axis=1).repeat(2, axis=2))
                ),
                "nearest neighbour": nearest,
                "ridge regression": ridge,
            },
            bars=_finer_bars,
        )
    )
