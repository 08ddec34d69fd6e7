"""Fixed maps from samples to vectors: one per file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag.errors import ConfigError

if TYPE_CHECKING:
    from gandiag.core.protocols import FeatureMap
    from gandiag.core.samples import SampleSet

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
        "standardise" for vectors, "identity" for discrete samples, "flatten" for images of at most 4096 values.

    Raises
    ------
    ConfigError
        For larger images: a choice of features decides what a score means, and is not made silently.
    """
    if samples.kind != "image":
        return "standardise" if samples.kind == "vector" else "identity"
    values = 1
    for side in samples.shape:
        values *= side
    if values > LARGEST_FLAT:
        raise ConfigError(
            f"features must be chosen for images of more than {LARGEST_FLAT} values",
            received="×".join(str(side) for side in samples.shape),
            remedy="Choose flatten (pixels as they are) or inception (for FID), or pass embeddings of your own.",
        )
    return "flatten"


def fitted_map(name: str, samples: SampleSet) -> FeatureMap:
    """Fit the feature map of that name.

    Parameters
    ----------
    name : str
        A name of ``gandiag list features``, with what it takes after a colon: ``pca:50``. Hyphens and underscores are
        one.
    samples : SampleSet
        Real rows that are set aside: neither those that are compared, nor any of the fake side.

    Returns
    -------
    FeatureMap

    Raises
    ------
    ConfigError
        For a name that there is not, or a map that takes nothing after a colon.
    DataError
        When the samples are none that the map is for.
    """
    from gandiag.core.specs import FEATURES

    base, colon, argument = name.partition(":")
    spec = FEATURES.get(base if base in FEATURES.names() else base.replace("-", "_"))
    if not colon:
        return spec.fit(samples)
    if not spec.argument:
        raise ConfigError(
            f"the feature map {base} takes nothing after a colon", received=name, remedy=f"Name features={base!r}."
        )
    return spec.fit(samples, argument)
