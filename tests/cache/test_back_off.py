"""Smaller blocks where memory runs out: the same features, and rows are never drawn again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from counted_map import CountedMap

from gandiag.core.samples import SampleSet
from gandiag.errors import ResourceLimitError
from gandiag.extraction import ROWS, extracted
from gandiag.features import fitted_map

FAILURES = {
    "a device": torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    "the host": MemoryError("out of memory"),
    "the allocator of torch": RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 8 GB"),
}


class Narrow(CountedMap):
    """Fits so many rows into memory and no more."""

    def __init__(self, most: int, failure: Exception, *, cacheable: bool = True) -> None:
        super().__init__(cacheable=cacheable)
        self.most, self.failure = most, failure

    def __call__(self, samples: SampleSet) -> np.ndarray:
        if len(samples) > self.most:
            self.calls.append(-len(samples))
            raise self.failure
        return super().__call__(samples)


def rows(n: int) -> SampleSet:
    return SampleSet(values=np.random.default_rng(2).normal(size=(n, 4)))


@pytest.mark.parametrize("where", FAILURES)
@pytest.mark.parametrize("cacheable", [True, False])
def test_features_are_the_same_in_smaller_blocks(where: str, cacheable: bool) -> None:
    narrow = Narrow(100, FAILURES[where], cacheable=cacheable)
    found = extracted(narrow, rows(2 * ROWS + 7))
    assert np.array_equal(found, extracted(CountedMap(), rows(2 * ROWS + 7)))
    assert min(narrow.calls) < 0
    assert max(narrow.calls) <= 100


def test_memory_for_less_than_a_share_of_a_block_is_an_error_that_says_so() -> None:
    with pytest.raises(ResourceLimitError, match=r"4 rows at a time.*CUDA out of memory"):
        extracted(Narrow(3, FAILURES["a device"]), rows(ROWS))


def test_other_errors_of_the_map_are_not_swallowed() -> None:
    narrow = Narrow(10, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        extracted(narrow, rows(ROWS))
    assert len(narrow.calls) == 1


def test_a_map_of_the_users_own_is_given_smaller_blocks_too(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import torch\n\ndef features(block):\n"
        "    if len(block) > 100: raise torch.cuda.OutOfMemoryError('CUDA out of memory')\n"
        "    return block[:, :2] * 2.0\n"
    )
    found = extracted(fitted_map(f"{tmp_path}/mine.py:features", rows(2)), rows(300))
    assert np.array_equal(found, rows(300).matrix()[:, :2] * 2.0)
