"""Freeze divergences of geomloss: ``python tests/conformance/freeze_geomloss.py`` where it is installed."""

from __future__ import annotations

from typing import Any

from frozen_values import checksum, freeze, shifted_normals

BLUR = 1.0


def main() -> None:
    """Write the file."""
    import torch
    from geomloss import SamplesLoss

    real, fake = shifted_normals(30, 20, 2)

    def loss(name: str, **options: Any) -> float:
        made = SamplesLoss(name, blur=BLUR, backend="tensorized", **options)
        return float(made(torch.from_numpy(real), torch.from_numpy(fake)))

    values = {
        "checksum": checksum(real, fake),
        "blur": BLUR,
        # Half squared distances at epsilon = blur^2, by annealing: the finer the scaling, the nearer to the optimum.
        "sinkhorn": {str(scaling): loss("sinkhorn", p=2, scaling=scaling) for scaling in (0.9, 0.999)},
        "energy": loss("energy"),
        "gaussian": loss("gaussian"),
    }
    freeze("geomloss", "geomloss", values)


if __name__ == "__main__":
    main()
