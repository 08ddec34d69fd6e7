"""Freeze scores of torchmetrics: ``python tests/conformance/freeze_torchmetrics.py`` where it is installed."""

from __future__ import annotations

from typing import Any

from frozen_values import Matrix, checksum, freeze, logits, shifted_normals

OFFSETS = (0.0, 1e3, 1e6, 1e8)


def features_as_they_are(d: int) -> Any:
    """Make an extractor that hands features through."""
    import torch

    class Through(torch.nn.Module):
        num_features = d

        def forward(self, rows: Any) -> Any:
            return rows

    return Through()


def frechet(real: Matrix, fake: Matrix, batch: int = 32) -> float:
    """Stream both sides in batches."""
    import torch
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(feature=features_as_they_are(real.shape[1]))
    for side, is_real in ((real, True), (fake, False)):
        for rows in torch.from_numpy(side).split(batch):
            metric.update(rows, real=is_real)
    return float(metric.compute())


def both_sides(metric: Any, real: Matrix, fake: Matrix) -> Any:
    """Feed a metric with both sides at once."""
    import torch

    metric.update(torch.from_numpy(real), real=True)
    metric.update(torch.from_numpy(fake), real=False)
    return metric.compute()


def main() -> None:
    """Write the file."""
    import torch
    from torchmetrics.image.inception import InceptionScore
    from torchmetrics.image.kid import KernelInceptionDistance
    from torchmetrics.image.mifid import MemorizationInformedFrechetInceptionDistance as Mifid

    real, fake = shifted_normals(200, 150, 5)
    score = InceptionScore(feature=features_as_they_are(7), splits=1)
    score.update(torch.from_numpy(logits()))
    # One subset of all rows: the unbiased estimate, whatever the order.
    kernel = KernelInceptionDistance(feature=features_as_they_are(5), subsets=1, subset_size=150)
    values = {
        "checksum": checksum(real, fake, logits()),
        "frechet": {str(offset): frechet(real + offset, fake + offset) for offset in OFFSETS},
        "kernel": float(both_sides(kernel, real[:150], fake)[0]),
        "inception_score": float(score.compute()[0]),
        "mifid_of_a_copy": float(both_sides(Mifid(feature=features_as_they_are(5)), real, real.copy())),
        "mifid": float(both_sides(Mifid(feature=features_as_they_are(5)), real, fake)),
    }
    freeze("torchmetrics", "torchmetrics", values)


if __name__ == "__main__":
    main()
