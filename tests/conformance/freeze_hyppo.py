"""Freeze statistics of hyppo: ``python tests/conformance/freeze_hyppo.py`` where hyppo is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
from frozen_values import checksum, freeze, shifted_normals

GAMMA = 0.3


def values(n: int, m: int) -> dict[str, Any]:
    """Compute the statistics of one pair of samples."""
    from hyppo.ksample import DISCO, MMD, Energy, FriedmanRafsky

    real, fake = shifted_normals(n, m)
    pool, labels = np.concatenate([real, fake]), np.repeat([0.0, 1.0], [n, m])
    return {
        "checksum": checksum(real, fake),
        "energy": float(Energy(bias=True).statistic(real, fake)),
        "disco": float(DISCO(bias=True).statistic(real, fake)) if n == m else None,
        "mmd": float(MMD(compute_kernel="rbf", bias=True, gamma=GAMMA).statistic(real, fake)),
        "runs": {str(scale): int(FriedmanRafsky().statistic(pool * scale, labels)) for scale in (1.0, 1e7, 1e8)},
        # The shape of the labels that its documentation asks for.
        "runs_of_a_column_of_labels": int(FriedmanRafsky().statistic(pool, labels[:, None])),
    }


def main() -> None:
    """Write the file."""
    freeze("hyppo", "hyppo", {f"{n} and {m}": values(n, m) for n, m in ((40, 40), (30, 20))})


if __name__ == "__main__":
    main()
