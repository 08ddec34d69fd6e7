from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.numerics import equal_rows
from gandiag.numerics.equal_rows import distinct_rows, duplicate_counts, row_ids


@pytest.mark.parametrize("columns", [1, 3, 40])
def test_row_ids_agree_with_numpy_unique(columns: int) -> None:
    rows = np.random.default_rng(0).integers(-1, 2, size=(500, columns)).astype(float)
    rows[::3, 0] *= -1.0  # plants negative zeros
    expected = np.unique(rows + 0.0, axis=0, return_inverse=True)[1].ravel()
    found = row_ids(rows)
    assert len(np.unique(found)) == distinct_rows(rows) == expected.max() + 1
    assert len(np.unique(np.stack([found, expected]), axis=1).T) == expected.max() + 1


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("columns", [1, 7, 300])
def test_row_ids_number_groups_by_first_appearance(columns: int, dtype: type) -> None:
    rng = np.random.default_rng(20)
    rows = rng.integers(0, 3, size=(500, columns)).astype(dtype)
    rows[250:] = rows[rng.integers(250, size=250)]
    np.testing.assert_array_equal(row_ids(rows), equal_rows._ids_by_key(rows))


def test_rows_whose_checksums_coincide_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(21).integers(0, 3, size=(200, 4)).astype(float)
    expected = row_ids(rows)
    monkeypatch.setattr(equal_rows, "_ODD", np.uint64(0))
    monkeypatch.setattr(np.random, "default_rng", lambda _: Zeros())
    np.testing.assert_array_equal(row_ids(rows), expected)


class Zeros:
    """A generator whose numbers are 0: every row then has the same checksum."""

    def integers(self, high: int, size: int, dtype: type) -> NDArray[np.uint64]:
        return np.zeros(size, dtype=np.uint64)


def test_row_ids_do_not_merge_neighbouring_floats() -> None:
    assert row_ids(np.array([[1.0], [np.nextafter(1.0, 2.0)]])).tolist() == [0, 1]
    assert row_ids(np.tile([[0.0], [-0.0]], 20)).tolist() == [0, 0]


def test_duplicates_are_counted_under_every_labelling() -> None:
    rng = np.random.default_rng(1)
    ids = rng.integers(0, 12, size=40)
    labels = rng.random((40, 30)) < 0.4
    real, fake = duplicate_counts(ids, labels)
    for b in range(30):
        assert real[b] == labels[:, b].sum() - len(np.unique(ids[labels[:, b]]))
        assert fake[b] == (~labels[:, b]).sum() - len(np.unique(ids[~labels[:, b]]))


def test_no_labelling_of_distinct_rows_has_duplicates() -> None:
    real, fake = duplicate_counts(np.arange(5), np.random.default_rng(2).random((5, 4)) < 0.5)
    assert not real.any()
    assert not fake.any()
