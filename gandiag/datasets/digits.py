"""Handwritten digits: 1 797 images of 8 by 8 grey levels from 0 to 16, shipped with scikit-learn.

Alpaydin & Kaynak 1998, "Optical recognition of handwritten digits", UCI repository (its test part). The halves and the
thirds are stratified, disjoint and the same for ever.
"""

from __future__ import annotations

from gandiag.core.checks import require_one_of
from gandiag.core.specs import DatasetSpec
from gandiag.datasets import _finite
from gandiag.datasets._laws import opens


@opens("data:digits")
def open_digits(*, split: object = "all") -> _finite.FiniteRows:
    """Open the digits.

    Parameters
    ----------
    split : {"all", "train", "test", "third1", "third2", "third3"}
        All 1 797 images, one of the halves of 899 and 898, or one of the thirds of 599: three disjoint parts serve as
        real data, as a training set and as a sampler with nothing wrong.
    """
    part = str(split)
    require_one_of(part, _finite.SPLITS, name="split")
    images, labels = _finite.digits(part)
    return _finite.FiniteRows(images, labels, kind="image", value_range=_finite.GREY_RANGE)


DATASET = DatasetSpec(
    name="digits",
    summary="1 797 handwritten digits, 8 by 8 (option split: all, train, test, third1, third2, third3).",
    scheme="data",
    open=open_digits,
    source="Alpaydin & Kaynak 1998, UCI repository, as shipped with scikit-learn",
)
