"""What the metrics on discrete values and on cells share: choices by name, undefined results, relabelled p-values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.names import nearest
from gandiag.core.results import Measurement
from gandiag.errors import ConfigError
from gandiag.numerics.equal_rows import row_ids

T = TypeVar("T")
Ids = NDArray[np.int64]
Labels = NDArray[np.bool_]
Vector = NDArray[np.float64]

_BLOCK = 2**22


def chosen(value: str, name: str, table: Mapping[str, T]) -> T:
    """Look an option up in its table, or refuse it with the nearest name."""
    if value not in table:
        listing = f"It takes {', '.join(table)}."
        raise ConfigError(
            f"`{name}` has no such choice", received=value, remedy=nearest(str(value), list(table), fallback=listing)
        )
    return table[value]


def undefined(reason: str) -> Measurement:
    """Give a result without a number, and why."""
    names = ("estimate", "floor", "p_value", "interval", "e_value")
    return Measurement(estimate=None, status="undefined", reasons=dict.fromkeys(names, reason))


def pooled_row_ids(comparison: Comparison) -> Ids:
    """Give each distinct pooled row a number."""
    return row_ids(comparison.pooled()[0])


def pooled_label_ids(comparison: Comparison) -> Ids | None:
    """Give each class of the pooled rows a number; None where a side has no classes."""
    if comparison.real_labels is None or comparison.fake_labels is None:
        return None
    both = np.concatenate([comparison.real_labels, comparison.fake_labels])
    ids: Ids = np.unique(both, return_inverse=True)[1].astype(np.int64)
    return ids


def relabelled_p(
    statistic: Callable[[Labels], Vector], is_real: Labels, rng: np.random.Generator, *, draws: int = 999
) -> float:
    """Test a second statistic by relabelling, for the details: ``(1 + #{T_b >= T}) / (draws + 1)``."""
    observed = float(statistic(is_real[:, None])[0])
    slack = 1e-12 * (1.0 + abs(observed))
    reached, block = 1, max(1, _BLOCK // len(is_real))
    for start in range(0, draws, block):
        rows = np.repeat(is_real[None, :], min(block, draws - start), axis=0)
        drawn = statistic(np.ascontiguousarray(rng.permuted(rows, axis=1).T))
        reached += int(np.count_nonzero(drawn >= observed - slack))
    return reached / (draws + 1)
