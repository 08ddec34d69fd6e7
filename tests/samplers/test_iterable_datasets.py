"""Torch's iterable data sets give samples, other iterables batches; what may be either is told or refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from gandiag.core.samples import SampleSet
from gandiag.errors import SamplerContractError
from gandiag.sources import open_sampler

ROWS = torch.tensor(np.random.default_rng(0).normal(size=(40, 2)))
PICTURES = torch.arange(40 * 3 * 8 * 8, dtype=torch.int64).remainder(251).to(torch.uint8).reshape(40, 3, 8, 8)
CLASSES = torch.arange(40) % 4


def draw(source: object, n: int = 40) -> SampleSet:
    return open_sampler(source).sample(n, rng=np.random.default_rng(1))


def stream_of(items: Any) -> IterableDataset:
    class Items(IterableDataset):
        def __iter__(self) -> Iterator[Any]:
            yield from items

    return Items()


@pytest.mark.parametrize(
    ("items", "shape", "labelled"),
    [
        (PICTURES, (8, 8, 3), False),
        (list(zip(PICTURES, CLASSES.tolist(), strict=True)), (8, 8, 3), True),
        (list(zip(PICTURES, CLASSES, strict=True)), (8, 8, 3), True),
        (list(zip(PICTURES, PICTURES, strict=True)), (8, 8, 3), False),  # image and image
        (ROWS, (2,), False),
        (list(zip(ROWS, ROWS, strict=True)), (2,), False),  # a regression
        (PICTURES.reshape(8, 5, 3, 8, 8), (8, 8, 3), False),  # an image has three axes, so these are batches
        (list(zip(ROWS.reshape(8, 5, 2), CLASSES.reshape(8, 5), strict=True)), (2,), True),
    ],
    ids=["images", "image, class", "image, tensor", "pairs", "vectors", "regression", "batches", "batches, classes"],
)
def test_an_iterable_data_set_gives_one_sample_at_a_time(
    items: Any, shape: tuple[int, ...], labelled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = draw(stream_of(items))
    assert found.values.shape == (40, *shape)
    assert (found.labels is not None) == labelled
    first = items[0][0] if isinstance(items, list) else items[0]
    rows = np.asarray(first).reshape(-1, *((3, 8, 8) if len(shape) == 3 else shape))
    np.testing.assert_array_equal(found.values[0], np.moveaxis(rows[0], 0, -1) if len(shape) == 3 else rows[0])
    if labelled:
        np.testing.assert_array_equal(found.labels, CLASSES)
    # Negative control: read as a batch, the first image is three grey ones, the first vector two numbers.
    if items is PICTURES or (isinstance(items, torch.Tensor) and items.ndim == 2):
        monkeypatch.setattr("gandiag.samplers.batches.comes_in", lambda source: "batches")
        assert draw(stream_of(items)).values.shape[1:] != shape


def test_a_loader_that_makes_no_batches_is_read_by_the_class_of_an_item_or_refused() -> None:
    one = draw(DataLoader(TensorDataset(PICTURES, CLASSES), batch_size=None))
    assert one.values.shape == (40, 8, 8, 3)
    np.testing.assert_array_equal(one.labels, CLASSES)
    several = [(PICTURES[at : at + 5], CLASSES[at : at + 5]) for at in range(0, 40, 5)]
    found = draw(DataLoader(stream_of(several), batch_size=None))
    np.testing.assert_array_equal(found.values, one.values)
    assert open_sampler(DataLoader(several, batch_size=None)).size is None  # 8 items, 40 rows
    with pytest.raises(SamplerContractError, match=r"samples or batches; got items of shape \(3, 8, 8\)"):
        draw(DataLoader(stream_of(PICTURES), batch_size=None))
    batches = DataLoader(stream_of(ROWS.reshape(8, 5, 2)), batch_size=None)
    assert draw(iter(batches)).values.shape == (40, 2)  # as the message says
