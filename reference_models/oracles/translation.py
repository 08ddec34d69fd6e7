"""Judge of translations between two domains of digits whose true map is known.

Cycle error alone proves nothing: the identity and any permutation of the images have none. So a translation is measured
in five ways at once, and must clear all bars: cycle error, distance to the true map, the digit kept, the look of the
whole heap, and what a little noise on the translation does to the way back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import gandiag
from gandiag.core.checks import require_one_of
from gandiag.core.rng import stream
from gandiag.datasets.domains import MAPS, true_map
from gandiag.numerics.frechet_distance import frechet_distance
from reference_models.acceptance.bars import Bar, Numbers
from reference_models.core.model import Model, evaluating

Images = NDArray[np.float64]
Map = Callable[[Images], Images]

TOP = 16.0  # the brightest grey level
SIGMA = 0.05  # of the noise on the translation, on the scale [0, 1]

BARS = (
    Bar(number="cycle", side="at most", limit=0.05, rule="mean |F(G(a)) - a| per pixel on [0, 1]"),
    Bar(number="paired_to_offset", side="at most", limit=0.5, rule="error over that of the best constant offset"),
    Bar(number="paired_to_identity", side="at most", limit=0.5, rule="error over that of no change at all"),
    Bar(number="label", side="at least", limit=0.9, rule="share of digits that a classifier of real B still reads"),
    Bar(number="frechet_to_floor", side="at most", limit=3.0, rule="Fréchet distance to B over that of the true map"),
    Bar(number="noise_growth", side="at most", limit=2.0, rule="cycle error under noise, over cycle error + noise"),
)


def judged(translate: Map, back: Map, kind: str, *, split: str = "test") -> Numbers:
    """Measure a translation from digits to ``kind`` of digits.

    Parameters
    ----------
    translate, back : callable
        From domain a to b, and back: images of shape (n, 8, 8) with grey levels 0 to 16, to the same.
    kind : {"invert", "rotate", "thicken", "shift", "box"}
        The true map.
    split : {"test", "train"}
        Images on which cycle and paired error are measured. Of "test" a model of the bundled domains has never seen
        the inputs; of "train" nobody has seen the true images.

    Returns
    -------
    dict
        ``cycle``: mean absolute error of there and back, on [0, 1]; 0 is best. ``paired``: the same, to the true map.
        ``paired_to_offset``, ``paired_to_identity``: over the error of the best constant offset, and of no change.
        ``label``: share of digits that a classifier trained on real images of b reads right; ``label_of_truth`` on the
        true images. ``frechet_to_floor``: Fréchet distance of the translations to b in the classifier's features, over
        that of the true images; 1 for the true map. ``noise_growth``: cycle error with Gaussian noise of sigma 0.05 on
        the translation, over cycle error plus mean size of the noise: about 1 for a faithful way back, large where the
        translation hides what the picture does not show.

    Notes
    -----
    The plain ratio of cycle errors with and without noise is infinite for a perfect translation, since a faithful way
    back hands the noise on; hence the noise in the denominator. Label and distance to b are always measured on the
    images of domain a, whose true images are not in b.
    """
    require_one_of(kind, MAPS, name="kind")
    x, _ = digits(split)
    y, truth = translate(x), true_map(x, kind)
    cycle, paired = _error(back(y), x), _error(y, truth)
    offset = float(np.median(truth - x))
    noise = SIGMA * TOP * stream(0, "translation", "noise").standard_normal(y.shape)
    noisy = np.clip(y + noise, 0.0, TOP)
    reader = reader_of(kind)
    ones, labels = digits("train")
    there, real, right = translate(ones), true_map(digits("test")[0], kind), true_map(ones, kind)
    distances = [frechet_distance(reader.features(real), reader.features(images)) for images in (there, right)]
    return {
        "cycle": cycle,
        "paired": paired,
        "paired_to_offset": paired / _error(np.clip(x + offset, 0.0, TOP), truth),
        "paired_to_identity": paired / _error(x, truth),
        "label": float(np.mean(reader.read(there) == labels)),
        "label_of_truth": float(np.mean(reader.read(right) == labels)),
        "frechet_to_floor": float(distances[0]) / float(distances[1]),
        "noise_growth": _error(back(noisy), x) / (cycle + _error(noisy, y)),
    }


def translators(model: Model[Any]) -> tuple[Map, Map]:
    """Make maps of grey levels out of a trained model with ``translate(x, to)``: there, and back."""

    def mapped(to: str) -> Map:
        def run(images: Images) -> Images:
            x = model.units.to_model(images).to(model.device)
            with torch.no_grad(), evaluating(model.networks.values()):
                out: Images = model.units.to_data(model.translate(x, to))  # type: ignore[attr-defined]
            return out

        return run

    return mapped("b"), mapped("a")


def digits(split: str) -> tuple[Images, NDArray[np.int64]]:
    """Give the digits of a half, shape (n, 8, 8), and their classes, in a fixed order."""
    source = gandiag.open_sampler(f"data:digits?split={split}")
    found = source.sample(source.size or 1, rng=stream(0, "translation", split))
    return np.asarray(found.values, dtype=np.float64), np.asarray(found.labels, dtype=np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Reader:
    """A classifier of one domain; its last hidden layer are the features."""

    net: Any

    def read(self, images: Images) -> NDArray[np.int64]:
        """Give the classes of images."""
        return np.asarray(self.net.predict(_flat(images)), dtype=np.int64)

    def features(self, images: Images) -> Images:
        """Give the last hidden layer, shape (n, 32)."""
        hidden = _flat(images)
        for weights, offsets in zip(self.net.coefs_[:-1], self.net.intercepts_[:-1], strict=True):
            hidden = np.maximum(hidden @ weights + offsets, 0.0)
        return hidden


@lru_cache(maxsize=8)
def reader_of(kind: str) -> Reader:
    """Train a classifier on the real images of domain b."""
    from sklearn.neural_network import MLPClassifier

    images, labels = digits("test")
    net = MLPClassifier((64, 32), random_state=0, max_iter=1000, alpha=1e-3, tol=1e-3)
    return Reader(net=net.fit(_flat(true_map(images, kind)), labels))


def _flat(images: Images) -> Images:
    return np.asarray(images, dtype=np.float64).reshape(len(images), -1) / TOP


def _error(one: Images, other: Images) -> float:
    return float(np.mean(np.abs(one - other))) / TOP
