"""The place of images of captions: they must look like digits, and show what their captions say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import gandiag
from gandiag.core.rng import stream
from gandiag.core.samples import SampleSet
from gandiag.datasets.captions import attributes, measured
from gandiag.numerics.frechet_distance import frechet_distance
from reference_models.acceptance.bars import Bar, Numbers
from reference_models.acceptance.guesses import Matrix
from reference_models.acceptance.images import LabelledImages, Labels
from reference_models.acceptance.restorations import doubled, pooled
from reference_models.core.rng import Keys
from reference_models.oracles.translation import TOP, Images

Drawn = Callable[[Labels, np.random.Generator], Images]


@dataclass(frozen=True, kw_only=True, eq=False)
class Obeying:
    """A sampler of images of captions that no model is behind; a fixture, or real images."""

    name: str
    draw: Drawn
    shares: Matrix
    size: None = None

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw captions with their shares, and images of them."""
        asked = rng.choice(len(self.shares), size=n, p=self.shares)
        return SampleSet(values=self.draw(asked, rng), kind="image", labels=asked, value_range=(0.0, TOP), lag=1)


class Captioned:
    """Judge of images of captions: that of digits, and whether digit, ink and lean are those asked for."""

    def __init__(self) -> None:
        parts = [gandiag.open_sampler(f"data:captions?split={part}") for part in ("train", "test")]
        drawn = [part.sample(part.size or 1, rng=stream(0, "acceptance", "captions")) for part in parts]
        self._train, self._test = ((np.asarray(x.values), np.asarray(x.labels)) for x in drawn)
        digit = [attributes(y)[0] for _, y in (self._train, self._test)]
        self._digits = LabelledImages((self._train[0], digit[0]), (self._test[0], digit[1]), top=TOP)

    def judge(self, sampler: Any, *, seed: int) -> Numbers:
        """Measure a trained model, or a fixture.

        Returns
        -------
        dict
            The numbers of the judge of digits; ``digit``, ``ink``, ``lean``: shares of images that show what their
            captions say, ``caption`` all three; ``refined``: Fréchet distance to held-out digits, over that of the
            first stage's images enlarged by straight lines (of the images themselves, shrunk and enlarged, where no
            model is behind them).
        """
        numbers = self._digits.judge(sampler, seed=seed)
        samples = sampler.sample(len(self._test[1]), rng=stream(seed, "acceptance", "obeying"))
        images, asked = np.asarray(samples.values), np.asarray(samples.labels)
        return {**numbers, **self._obeyed(images, asked), "refined": self._refined(sampler, images, asked, seed)}

    def _obeyed(self, images: Images, asked: Labels) -> Numbers:
        digit, *rest = attributes(asked)
        right = [self._digits.read(images) == digit]
        right += [found == wanted for found, wanted in zip(measured(images, digit), rest, strict=True)]
        names = ("digit", "ink", "lean")
        shares = {name: float(np.mean(hits)) for name, hits in zip(names, right, strict=True)}
        return {**shares, "caption": float(np.mean(np.logical_and.reduce(right)))}

    def _refined(self, sampler: Any, images: Images, asked: Labels, seed: int) -> float:
        small = pooled(images)
        if hasattr(sampler, "model"):
            first, _ = _both_stages(sampler, asked, seed)
            small = first
        real, fine, rough = (
            self._digits.features(x.reshape(len(x), -1)) for x in (self._test[0], images, doubled(small))
        )
        return float(frechet_distance(real, fine)) / float(frechet_distance(real, rough))

    def floor(self, *, seed: int, times: int) -> list[Numbers]:
        """Measure held-out images with their captions, as the judge of digits does."""
        rows = self._digits.floor(seed=seed, times=times)
        images, asked = self._test
        same = {**self._obeyed(images, asked), "refined": self._refined(None, self._train[0], asked, seed)}
        return [{**row, **same} for row in rows]

    def bars(self, floor: list[Numbers], baselines: Mapping[str, Numbers]) -> list[Bar]:
        """Set the bars: those of digits, and for obeying those halfway from ignoring an attribute to real images."""
        deaf = baselines["ink and lean ignored"]
        found = self._digits.bars(floor, baselines)
        found.append(Bar(number="digit", side="at least", limit=0.9, rule="share read as the digit of the caption"))
        for name in ("ink", "lean"):
            limit = 0.5 * (deaf[name] + floor[0][name])
            found.append(Bar(number=name, side="at least", limit=limit, rule="halfway from ignoring it to real images"))
        # A weak bar: enlarging by straight lines blurs, and even blurred digits are a third better than blurred twice.
        rule = "Fréchet distance over that of the first stage enlarged: 30 % better"
        return [*found, Bar(number="refined", side="at most", limit=0.7, rule=rule)]

    @cached_property
    def fixtures(self) -> Mapping[str, Obeying]:
        """What looks right and is not: captions or parts of them ignored, one image a caption, and those of digits."""
        images, labels = self._train
        digit = attributes(labels)[0]
        made: dict[str, Drawn] = {
            "captions ignored": lambda asked, rng: images[rng.integers(len(images), size=len(asked))],
            "ink and lean ignored": lambda asked, rng: _any_of(images, digit, attributes(asked)[0], rng),
            "one image a caption": lambda asked, rng: images[[int(np.flatnonzero(labels == y)[0]) for y in asked]],
            "shrunk and enlarged": lambda asked, rng: doubled(pooled(_any_of(images, labels, asked, rng))),
        }
        shares = np.bincount(labels, minlength=90) / len(labels)
        own = {name: Obeying(name=name, draw=draw, shares=shares) for name, draw in made.items()}
        gaussian = self._digits.fixtures["moment-matched Gaussian"]

        def draw(asked: Labels, rng: np.random.Generator) -> Images:
            return np.asarray(gaussian.sample(len(asked), rng=rng).values).reshape(-1, *images.shape[1:])

        name = "moment-matched Gaussian"
        return {**own, name: Obeying(name=name, draw=draw, shares=shares)}


def _both_stages(sampler: Any, asked: Labels, seed: int) -> tuple[Images, Images]:
    """Give the images of both stages of a trained model, as grey levels."""
    import torch

    from reference_models.core.model import evaluating

    model = sampler.model
    with torch.no_grad(), evaluating(model.networks.values()):
        pair = model.drawn(len(asked), Keys(seed, device=model.device), torch.as_tensor(asked).to(model.device))
    first, second = (np.asarray((x[:, 0].double().cpu().numpy() + 1) / 2 * TOP) for x in pair)
    return first, second


def _any_of(images: Images, labels: Labels, asked: Labels, rng: np.random.Generator) -> Images:
    """Draw an image of each label that is asked for."""
    rows = [int(rng.choice(np.flatnonzero(labels == y))) for y in asked]
    return images[rows]
