"""Judge of translations between two domains of digits whose true map is known.

Cycle error alone proves nothing: the identity and any permutation of the images have none. So a translation is measured
in five ways at once, and must clear all bars: cycle error, distance to the true map, the digit kept, the look of the
whole heap, and what a little noise on the translation does to the way back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
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
Labelled = tuple[Images, NDArray[np.int64]]

TOP = 16.0  # the brightest grey level of the bundled digits
SIGMA = 0.05  # of the noise on the translation, on the scale [0, 1]

BARS = (
    Bar(number="cycle", side="at most", limit=0.05, rule="mean |F(G(a)) - a| per pixel on [0, 1]"),
    Bar(number="paired_to_offset", side="at most", limit=0.5, rule="error over that of the best constant offset"),
    Bar(number="paired_to_identity", side="at most", limit=0.5, rule="error over that of no change at all"),
    Bar(number="label", side="at least", limit=0.9, rule="share of digits that a classifier of real B still reads"),
    Bar(number="frechet_to_floor", side="at most", limit=3.0, rule="Fréchet distance to B over that of the true map"),
    Bar(number="noise_growth", side="at most", limit=2.0, rule="cycle error under noise, over cycle error + noise"),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Reader:
    """A classifier of one domain; its last hidden layer are the features."""

    net: Any
    top: float

    def read(self, images: Images) -> NDArray[np.int64]:
        """Give the classes of images."""
        return np.asarray(self.net.predict(_flat(images, self.top)), dtype=np.int64)

    def features(self, images: Images) -> Images:
        """Give the last hidden layer, shape (n, 32)."""
        hidden = _flat(images, self.top)
        for weights, offsets in zip(self.net.coefs_[:-1], self.net.intercepts_[:-1], strict=True):
            hidden = np.maximum(hidden @ weights + offsets, 0.0)
        return hidden


@dataclass(frozen=True, kw_only=True, eq=False)
class Domains:
    """Two domains of images, and the true map between them.

    Parameters
    ----------
    ones : (ndarray of shape (n, h, w), ndarray of shape (n,))
        Domain a, and its classes; nobody has seen their true images.
    others : (ndarray of shape (m, h, w), ndarray of shape (m,))
        Images that no model has seen as they are; their true images are domain b, unless ``real`` is.
    true : callable
        The map from a to b.
    top : float
        The brightest value; the darkest is 0.
    real : (ndarray of shape (k, h, w), ndarray of shape (k,)), optional
        Domain b itself, where it is made of other images than ``others``.
    """

    ones: Labelled
    others: Labelled
    true: Map
    top: float = TOP
    real: Labelled | None = None

    @cached_property
    def b(self) -> Labelled:
        """The real images of domain b, and their classes."""
        return (self.true(self.others[0]), self.others[1]) if self.real is None else self.real

    @cached_property
    def reader(self) -> Reader:
        """A classifier that was trained on the real images of domain b."""
        from sklearn.neural_network import MLPClassifier

        images, labels = self.b
        net = MLPClassifier((64, 32), random_state=0, max_iter=1000, alpha=1e-3, tol=1e-3)
        return Reader(net=net.fit(_flat(images, self.top), labels), top=self.top)

    def error(self, one: Images, other: Images) -> float:
        """Mean absolute difference per pixel, on the scale [0, 1]."""
        return float(np.mean(np.abs(one - other))) / self.top


@lru_cache(maxsize=8)
def bundled(kind: str) -> Domains:
    """Give the bundled digits and ``kind`` of them: "invert", "rotate", "thicken", "shift" or "box"."""
    require_one_of(kind, MAPS, name="kind")
    return Domains(ones=digits("train"), others=digits("test"), true=lambda images: true_map(images, kind))


def judged(translate: Map, back: Map, domains: Domains, *, split: str = "test") -> Numbers:
    """Measure a translation between two domains.

    Parameters
    ----------
    translate, back : callable
        From domain a to b, and back: images of shape (n, h, w) with values from 0 to the domains' top, to the same.
    domains : Domains
    split : {"test", "train"}
        Images on which cycle and paired error are measured. Of "test" (``others``) a model of these domains has never
        seen the inputs; of "train" (``ones``) nobody has seen the true images.

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
    require_one_of(split, ("test", "train"), name="split")
    x, _ = domains.others if split == "test" else domains.ones
    y, truth, error, top = translate(x), domains.true(x), domains.error, domains.top
    cycle, paired = error(back(y), x), error(y, truth)
    offset = float(np.median(truth - x))
    noise = SIGMA * top * stream(0, "translation", "noise").standard_normal(y.shape)
    noisy = np.clip(y + noise, 0.0, top)
    return {
        "cycle": cycle,
        "paired": paired,
        "paired_to_offset": paired / error(np.clip(x + offset, 0.0, top), truth),
        "paired_to_identity": paired / error(x, truth),
        **_read_in_b(translate, domains),
        "noise_growth": error(back(noisy), x) / (cycle + error(noisy, y)),
    }


def _read_in_b(translate: Map, domains: Domains) -> Numbers:
    """Say what a classifier of domain b makes of the translations of domain a."""
    ones, labels = domains.ones
    reader, real = domains.reader, domains.b[0]
    there, right = translate(ones), domains.true(ones)
    distances = [frechet_distance(reader.features(real), reader.features(images)) for images in (there, right)]
    return {
        "label": float(np.mean(reader.read(there) == labels)),
        "label_of_truth": float(np.mean(reader.read(right) == labels)),
        "frechet_to_floor": float(distances[0]) / float(distances[1]),
    }


def translators(model: Model[Any]) -> tuple[Map, Map]:
    """Make maps of grey levels out of a trained model with ``translate(x, to)``: there, and back."""
    return _mapped(model, "b"), _mapped(model, "a")


def one_way(model: Model[Any]) -> Map:
    """Make a map of grey levels out of a trained model with ``translate(x)``."""
    return _mapped(model)


def _mapped(model: Model[Any], *to: str) -> Map:
    def run(images: Images) -> Images:
        x = model.units.to_model(images).to(model.device)
        with torch.no_grad(), evaluating(model.networks.values()):
            out: Images = model.units.to_data(model.translate(x, *to))  # type: ignore[attr-defined]
        return out

    return run


def digits(split: str) -> tuple[Images, NDArray[np.int64]]:
    """Give the digits of a half, shape (n, 8, 8), and their classes, in a fixed order."""
    source = gandiag.open_sampler(f"data:digits?split={split}")
    found = source.sample(source.size or 1, rng=stream(0, "translation", split))
    return np.asarray(found.values, dtype=np.float64), np.asarray(found.labels, dtype=np.int64)


def _flat(images: Images, top: float) -> Images:
    return np.asarray(images, dtype=np.float64).reshape(len(images), -1) / top
