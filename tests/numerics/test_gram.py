"""Sums of outer products, against the plain float64 product."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gandiag.numerics.gram import gram_like


@pytest.mark.parametrize("d", [1, 7, 256, 600])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_blocks_add_up_to_the_product(d: int, dtype: type, library: str) -> None:
    rows = np.random.default_rng(0).standard_normal((50, d)).astype(dtype)
    given = rows if library == "numpy" else torch.from_numpy(rows)
    gram = gram_like(given)
    gram.add(given[:30])
    gram.add(given[30:])
    exact = rows.astype(float).T @ rows.astype(float)
    found = np.asarray(gram.total())
    assert found.dtype == np.float64
    # A sum of 50 products, each rounded once: far below 50 eps times the sizes of the columns.
    sizes = np.sqrt(np.diag(exact))
    assert np.all(np.abs(found - exact) <= 50 * np.finfo(dtype).eps * np.outer(sizes, sizes))
    assert library == "torch" or np.array_equal(found, found.T)


def test_rows_are_not_changed_whatever_their_layout() -> None:
    rows = np.asfortranarray(np.random.default_rng(1).standard_normal((20, 5)))[::2]
    kept = rows.copy()
    gram = gram_like(rows)
    gram.add(rows)
    np.testing.assert_allclose(gram.total(), kept.T @ kept, rtol=1e-13)
    assert np.array_equal(rows, kept)
