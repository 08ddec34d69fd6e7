"""Freeze scores of vendi-score: ``python tests/conformance/freeze_vendi_score.py`` where it is installed."""

from __future__ import annotations

import numpy as np
from frozen_values import Matrix, checksum, freeze, shifted_normals

ORDERS = (0.5, 1, 2, "inf")


def cosines(rows: Matrix) -> Matrix:
    """Compute the kernel of directions."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit @ unit.T


def main() -> None:
    """Write the file."""
    from vendi_score import vendi

    rows, _ = shifted_normals(30, 30, 4)
    values = {
        "checksum": checksum(rows),
        "kernel": {str(q): float(vendi.score_K(cosines(rows), q=q)) for q in ORDERS},
        "dual": {str(q): float(vendi.score_dual(rows, q=q)) for q in ORDERS},
        "features": {str(q): float(vendi.score_X(rows, q=q)) for q in ORDERS},
    }
    freeze("vendi_score", "vendi-score", values)


if __name__ == "__main__":
    main()
