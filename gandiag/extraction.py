"""From rows to features: in blocks, from the cache where it holds them, in smaller ones where memory runs out."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

from gandiag.cache.keys import block_key
from gandiag.cache.store import FeatureCache
from gandiag.core.checks import Matrix
from gandiag.core.protocols import FeatureMap
from gandiag.core.samples import SampleSet
from gandiag.errors import ResourceLimitError

# Rows per cached block: a minute's work of a large network at most is lost with a job that is killed.
ROWS = 256
# A block is cut down to this share of itself before memory counts as too small.
_SMALLEST = 64
_MOST_HELD = 2**28


def is_cacheable(features: FeatureMap) -> bool:
    """Tell whether a map says that its features are worth keeping and named by its fingerprint in full."""
    return bool(getattr(features, "cacheable", False)) and features.fingerprint() != ""


def extracted(features: FeatureMap, samples: SampleSet, *, cache: FeatureCache | None = None) -> Matrix:
    """Map rows to features.

    Parameters
    ----------
    features : FeatureMap
    samples : SampleSet
    cache : FeatureCache, optional
        Where blocks of `ROWS` rows are looked up and kept. It changes no number: a map that is cacheable gets the same
        blocks without it.

    Returns
    -------
    ndarray, shape (n, d)

    Raises
    ------
    ResourceLimitError
        When memory does not suffice for a sixty-fourth of a block.
    """
    if not is_cacheable(features):
        return mapped(features, samples)
    n, out = len(samples), None
    for start in range(0, n, ROWS):
        part = samples if n <= ROWS else samples.take(np.arange(start, min(start + ROWS, n)))
        found = _block(features, part, cache)
        if out is None:
            out = np.empty((n, found.shape[1]))
        out[start : start + len(found)] = found
    return np.empty((0, 0)) if out is None else out


def _block(features: FeatureMap, part: SampleSet, cache: FeatureCache | None) -> Matrix:
    if cache is None:
        return mapped(features, part)
    part = _held(part)
    key = block_key(features, part)
    found = cache.get(key)
    if found is None or len(found) != len(part):
        found = mapped(features, part)
        cache.put(key, found, features=features.fingerprint())
    return found


def _held(part: SampleSet) -> SampleSet:
    """Read images that are decoded when they are read once, and not for the key and for the map each."""
    if hasattr(part.values, "rows") and part.values.nbytes <= _MOST_HELD:
        return replace(part, values=np.asarray(part.values))
    return part


def mapped(features: FeatureMap, samples: SampleSet) -> Matrix:
    """Map rows, halving what is asked for at once whenever memory runs out; rows are never drawn again for that."""
    n = rows = len(samples)
    least, start = max(1, n // _SMALLEST), 0
    done: list[Matrix] = []
    while start < n:
        stop = min(start + rows, n)
        part = samples if stop - start == n else samples.take(np.arange(start, stop))
        # The error is left behind before the next try: it holds on to what the failed one had in memory.
        found, why = _tried(features, part)
        if found is not None:
            done.append(found)
            start = stop
        elif rows <= least:
            raise ResourceLimitError(
                f"the features of {samples.source} must fit into memory, if need be {rows} rows at a time",
                received=why,
                remedy="Free memory on the device, or choose smaller features.",
            )
        else:
            rows = max(least, rows // 2)
            _release()
    return done[0] if len(done) == 1 else np.concatenate(done)


def _tried(features: FeatureMap, part: SampleSet) -> tuple[Matrix | None, str]:
    try:
        return features(part), ""
    except Exception as error:
        # Maps of the user's own raise it wrapped.
        if not (_is_out_of_memory(error) or _is_out_of_memory(error.__cause__)):
            raise
        return None, f"{type(error).__name__}: {str(error)[:200]}"


def _is_out_of_memory(error: BaseException | None) -> bool:
    torch = sys.modules.get("torch")
    kinds = (MemoryError,) if torch is None else (MemoryError, torch.OutOfMemoryError)
    # The CPU's allocator raises a plain RuntimeError.
    return isinstance(error, kinds) or "can't allocate memory" in str(error)


def _release() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
