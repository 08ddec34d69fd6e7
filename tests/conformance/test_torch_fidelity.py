"""Against torch-fidelity: kernel distance over its own subsets, precision and recall with ties, which is which."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from agreement import agrees, exactly
from numpy.typing import NDArray

from gandiag.metrics.kid import kernel_distance
from gandiag.numerics.balls import neighbourhoods

Matrix = NDArray[np.float64]
pytestmark = pytest.mark.usefixtures("torchvision_schemas")


def peer(module: str) -> Any:
    return pytest.importorskip(f"torch_fidelity.metric_{module}")


def tensors(*sides: Matrix) -> list[Any]:
    torch = pytest.importorskip("torch")
    return [torch.from_numpy(side) for side in sides]


@pytest.mark.differential("D05")
@pytest.mark.parametrize("offset", [0.0, 2.0])
def test_the_kernel_distance_over_the_same_subsets(offset: float) -> None:
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(120, 16)) + offset, rng.normal(size=(90, 16)) + offset + 0.3
    found = peer("kid").kid_features_to_metric(
        *tensors(real, fake), kid_subsets=6, kid_subset_size=50, rng_seed=2020, verbose=False
    )
    state = np.random.RandomState(2020)
    scores = []
    for _ in range(6):
        rows = real[state.choice(120, 50, replace=False)]
        scores.append(kernel_distance(rows, fake[state.choice(90, 50, replace=False)])[0])
    agrees(np.mean(scores), found["kernel_inception_distance_mean"], rel=1e-10)
    agrees(np.std(scores), found["kernel_inception_distance_std"], rel=1e-9)


def precision_and_recall(real: Matrix, fake: Matrix, k: int) -> list[float]:
    # Its first input is the generated one.
    found = peer("prc").prc_features_to_metric(
        *tensors(fake, real), prc_neighborhood=k, prc_batch_size=10_000, save_cpu_ram=False, verbose=False
    )
    return [found["precision"], found["recall"]]


@pytest.mark.differential("D09")
def test_ties_under_the_closed_rule() -> None:
    rng = np.random.default_rng(1)
    real, fake = rng.integers(0, 12, size=(200, 2)).astype(float), rng.integers(0, 15, size=(160, 2)).astype(float)
    closed, strict = (neighbourhoods(real, fake, 3, ties) for ties in ("closed", "prdc"))
    # Its shares are means of float32.
    agrees([closed.precision, closed.recall], precision_and_recall(real, fake, 3), rel=1e-6)
    assert strict.precision < closed.precision - 0.01


@pytest.mark.differential("D10")
def test_a_collapsed_generator_is_precise_and_recalls_little() -> None:
    rng = np.random.default_rng(2)
    real, fake = rng.normal(size=(400, 2)), 0.15 * rng.normal(size=(400, 2))
    found, swapped = neighbourhoods(real, fake, 3), neighbourhoods(fake, real, 3)
    assert found.precision > 0.8
    assert found.recall < 0.3
    exactly([swapped.recall, swapped.precision], [found.precision, found.recall])
    agrees([found.precision, found.recall], precision_and_recall(real, fake, 3), rel=1e-6)
