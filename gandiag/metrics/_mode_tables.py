"""Rows counted by mode, on either side, and what the counts say: the one judgement behind rows at once and streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.binomial import clopper_pearson
from gandiag.numerics.clusters import ModeModel
from gandiag.numerics.contingency import captured, count_tails, judge_modes, reverse_kl

Vector = NDArray[np.float64]
Index = NDArray[np.int64]
Labels = NDArray[np.bool_]

LEVEL = 0.01
FEWEST_ROWS = 20
MOST_ERROR = 0.25
SHARE_LEVEL = 0.95


@dataclass(frozen=True, kw_only=True, eq=False)
class ModeTable:
    """Counts per mode, each of shape (K,); disjoint rows add up.

    Attributes
    ----------
    nearest_real, nearest_fake : ndarray of int
        All rows, by the mode they are nearest to.
    real, fake : ndarray of int
        Rows of high quality.
    own, own_good : ndarray of int
        Real rows of each mode's class, of any quality and of high quality, wherever they were put. Without classes both
        are the rows in it.
    leaked : ndarray of int
        Real rows of high quality in each mode that are of another class.
    wrong : ndarray of int, shape ()
        Real rows, of any quality, put in a wrong class.
    """

    nearest_real: Index
    nearest_fake: Index
    real: Index
    fake: Index
    own: Index
    own_good: Index
    leaked: Index
    wrong: Index

    @property
    def n(self) -> int:
        """Real rows."""
        return int(self.nearest_real.sum())

    @property
    def m(self) -> int:
        """Fake rows."""
        return int(self.nearest_fake.sum())

    @property
    def leak(self) -> Vector:
        """How often a row of another class is counted in each mode.

        It decides which modes are called missing; the p-values of modes, corrected over all of them, do not hang on it.
        """
        out: Vector = self.leaked / np.maximum(self.real.sum() - self.own_good, 1)
        return out

    def share_bounds(self) -> NDArray[np.float64]:
        """Bound the share of each mode among the rows of high quality, exactly, shape (2, K, 2): real, then fake."""
        return np.array(
            [
                [clopper_pearson(int(count), int(side.sum()), level=SHARE_LEVEL) for count in side]
                for side in (self.real, self.fake)
            ]
        )

    def too_few(self) -> str:
        """Say why the counts are too few to judge, if they are."""
        side, count, of = ("fake", self.fake, self.m) if self.fake.sum() < FEWEST_ROWS else ("real", self.real, self.n)
        if count.sum() >= FEWEST_ROWS:
            return ""
        return f"only {int(count.sum())} of {of} {side} rows lie within a mode; at least {FEWEST_ROWS} are needed"


def counted(
    model: ModeModel, modes: Index, within: Labels, is_real: Labels, real_labels: Index | None = None
) -> ModeTable:
    """Count pooled rows by mode.

    Parameters
    ----------
    model : ModeModel
    modes : ndarray of int, shape (N,)
        The mode of each row.
    within : ndarray of bool, shape (N,)
        Rows of high quality.
    is_real : ndarray of bool, shape (N,)
    real_labels : ndarray of int, optional
        Classes of the real rows, in their order.
    """

    def tally(chosen: Labels | Index) -> Index:
        return np.bincount(modes[chosen], minlength=len(model))

    real = tally(within & is_real)
    own, own_good, leaked, wrong = real, real, np.zeros(len(model), dtype=np.int64), np.array(0)
    if model.classes is not None and real_labels is not None:
        put, good = modes[is_real], within[is_real]
        right = model.classes[put] == real_labels
        own = np.array([int((real_labels == c).sum()) for c in model.classes])
        own_good = np.array([int((good & (real_labels == c)).sum()) for c in model.classes])
        leaked, wrong = np.bincount(put[good & ~right], minlength=len(model)), np.array(int((~right).sum()))
    return ModeTable(
        nearest_real=tally(is_real),
        nearest_fake=tally(~is_real),
        real=real,
        fake=tally(within & ~is_real),
        own=own,
        own_good=own_good,
        leaked=leaked,
        wrong=wrong,
    )


def quality(model: ModeModel, table: ModeTable) -> dict[str, Any]:
    """Tell where the modes come from, and which share of either side is of high quality."""
    fewer, _ = count_tails(np.array([table.fake.sum()]), np.array([table.real.sum()]), table.m, table.n)
    return {
        "source": model.kind,
        "n_modes": len(model),
        "silhouette": model.silhouette,
        "high_quality_real": float(table.real.sum() / table.n),
        "high_quality_fake": float(table.fake.sum() / table.m),
        "hq_p": float(fewer[0]),
        # All rows by the mode they are nearest to, however far: where samples are that no mode holds yet.
        "nearest": {
            "modes": list(model.names),
            "real": table.nearest_real.tolist(),
            "fake": table.nearest_fake.tolist(),
        },
    }


def judged(model: ModeModel, table: ModeTable, *, labelled: bool) -> dict[str, Any]:
    """Test every mode, and tell what the counts say of all of them together."""
    real, fake, n, m = table.real, table.fake, int(table.real.sum()), int(table.fake.sum())
    known = model.weights is not None
    reference = (real + 0.5) / (n + 0.5 * len(real)) if model.weights is None else np.maximum(model.weights, 1e-12)
    modes = _modes(model, table)
    return {
        "modes": modes,
        "missing": [mode["name"] for mode in modes if mode["missing"]],
        "imbalanced": [mode["name"] for mode in modes if mode["imbalanced"]],
        "reverse_kl": reverse_kl(fake.astype(np.float64), np.asarray(reference, dtype=np.float64)),
        "reverse_kl_floor": (len(real) - 1) / 2.0 * (1.0 / m + (0.0 if known else 1.0 / n)),
        "captured_raw": int((fake > 0).sum()),
        "captured": int(captured(fake, table.leak).sum()),
        "label_error": float(table.wrong / table.n) if labelled and model.classes is not None else None,
    }


def confusion(details: Mapping[str, Any]) -> tuple[str, ...]:
    """Warn where classes are told apart badly."""
    error = details["label_error"]
    if error is None or error <= MOST_ERROR:
        return ()
    return (f"{error:.0%} of the real rows are put in a wrong class: single missing classes may go unseen",)


def _modes(model: ModeModel, table: ModeTable) -> list[dict[str, Any]]:
    real, fake, n, m = table.real, table.fake, int(table.real.sum()), int(table.fake.sum())
    found = judge_modes(real, fake, leaked=table.leak * m, level=LEVEL)
    return [
        {
            "name": name,
            "real": int(real[k]),
            "fake": int(fake[k]),
            "expected": float(found.expected[k]),
            "leak": float(table.leak[k]),
            "own": int(table.own[k]),
            "own_here": int(real[k] - table.leaked[k]),
            "p_missing": float(found.p_missing[k]),
            "p_excess": float(found.p_excess[k]),
            "missing": bool(found.missing[k]),
            "imbalanced": bool(found.imbalanced[k]),
            "ratio": float(fake[k] * n / (real[k] * m)) if real[k] else None,
        }
        for k, name in enumerate(model.names)
    ]
