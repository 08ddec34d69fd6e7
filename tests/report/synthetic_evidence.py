"""What the metrics keep for figures, made by hand for the report of `synthetic`: curves, scores, pairs, named rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from synthetic import NO_E, NO_INTERVAL

from gandiag.core.report import Report
from gandiag.core.results import Floor, PValue, Result


def with_rows(images: Report) -> Report:
    """Say of 64 images per side which rows they are, in a report that keeps rows."""
    from dataclasses import replace

    rows = {f"examples/{side}_rows": np.arange(64) for side in ("real", "0", "1")}
    return replace(images, arrays={**images.arrays, **rows})


def _number(metric: str, value: float, mean: float, sd: float, n: int, **more: Any) -> Result:
    """Make a result with floor and p-value, such as a permutation test leaves."""
    z = (value - mean) / sd
    more = {"direction": "lower", "kind": "estimate", "unit": "units"} | more
    return Result(metric=metric, estimate=value,
                  floor=Floor(mean=mean, sd=sd, source="permutation"), excess=value - mean, z=z, mde=2.5 * sd,
                  p_value=PValue(value=0.0005 if abs(z) > 4 else 0.4, calibration="permutation", draws=1999),
                  reasons=NO_E | NO_INTERVAL, n_real=n, n_fake=n, dim=2, **more)  # fmt: skip


def _further(kind: int) -> tuple[Result, ...]:
    """Make results that are not in the panel: kind 0 is healthy, 1 collapsed."""
    return (
        _number("max_sliced_wasserstein", (0.06, 0.9)[kind], 0.05, 0.02, 1000),
        _number("prd", (0.97, 0.7)[kind], 0.98, 0.01, 1000, direction="higher"),
        _number("near_duplicates", (0.01, 0.3)[kind], 0.01, 0.005, 1000),
        _number("data_copying", (0.5, 0.8)[kind], 0.5, 0.02, 1000),
        _number("c2st_e", (0.0, 0.1)[kind], 0.0, 0.01, 1000),
        _number("c2st_cnn", (0.02, 0.6)[kind], 0.0, 0.05, 1000),
        _number("projected_wasserstein", (0.2, 0.6)[kind], 0.2, 0.03, 1000),
    )


def _further_details(name: str) -> dict[str, Any]:
    """Make the details that a figure of further numbers reads."""
    interval = {"low": 0.30, "high": 0.44, "level": 0.95, "method": "delete-a-group jackknife"}
    return {
        "frechet": {"infinity": {"estimate": 0.37, "interval": interval}},
        "c2st": {
            "auc": 0.856,
            "hit_rate": 0.93,
            "alarm_rate": 0.5,
            "guessing_band": 0.0859,
            "guessing_band_level": 0.95,
            "gave_it_away": [
                {"column": 1, "importance": 0.21, "p_value": 0.005, "above_noise": True},
                {"column": 0, "importance": 0.02, "p_value": 0.31, "above_noise": False},
            ],
        },
        "prd": {"best_precision": 0.7, "best_recall": 0.7},
        "near_duplicates": {"tau": 0.01},
        "data_copying": {"exact_copies": 12},
        "c2st_e": {"stopped_after": 40},
        "vendi": {"real": 7.6},
        "projected_wasserstein": {
            "upper": 0.6,
            "upper_margin": 0.1,
            "lower": 0.4,
            "lower_margin": 0.2,
            "w_real_real": 0.21,
            "w_fake_fake": 0.2,
            "block_size": 100,
        },
    }.get(name, {})


def with_evidence(report: Report) -> Report:
    """Give both samplers what the metrics keep for figures: curves, scores, projections, pairs and named rows."""
    from dataclasses import replace

    new: dict[str, np.ndarray[Any, Any]] = {}
    fakes = []
    for i, sampler in enumerate(report.fakes):
        kind = 1 - i
        told = (*sampler.results, *_further(kind))
        results = tuple(replace(r, details={**r.details, **_further_details(r.metric)}) for r in told)
        fakes.append(replace(sampler, results=results, source=f"ring_gan.py:sampler!drop_modes={3 * kind}"))
        new |= {f"{i}/{key}": value for key, value in _kept(kind).items()}
        new[f"examples/{i}_rows"] = np.arange(0, 1000, 2)
    new["examples/real_rows"] = np.arange(1, 1000, 2)
    return replace(report, fakes=tuple(fakes), arrays={**report.arrays, **new})


def _cloud(rng: np.random.Generator, up: float, right: float) -> np.ndarray[Any, Any]:
    return np.array([up, right]) + rng.normal(size=(64, 2)) * 0.01


def _sizes(kind: int) -> np.ndarray[Any, Any]:
    """Make the bracket of a distance at five sizes of blocks."""
    rows = 12.0 * 2.0 ** np.arange(5)
    chance = 2.0 / np.sqrt(rows)
    upper = kind * 0.5 + chance
    lower = np.full(5, kind * 0.4)
    columns = [rows, upper, 1.1 * upper, lower, 0.8 * lower, chance, 0.95 * chance]
    return np.stack(columns, axis=1)


def _kept(kind: int) -> dict[str, np.ndarray[Any, Any]]:
    """Make the arrays of one sampler's metrics."""
    rng = np.random.default_rng(10 + kind)
    is_real = np.arange(1000) < 500
    k = np.arange(1.0, 5.0)
    slopes = np.tan(np.linspace(0.01, np.pi / 2 - 0.01, 101))
    alpha = np.minimum(1.0, slopes) * (0.98, 0.7)[kind]
    along = np.where(is_real, 0.0, kind) + rng.standard_normal(1000)
    levels = (np.arange(100) + 0.5) / 100
    return {
        "frechet/infinity_line": np.stack([k, 0.37 + 0.03 * k + 0.01 * (-1) ** k, 0.37 + 0.03 * k], axis=1),
        "c2st/scores": np.where(is_real, kind, 0.0) * 1.5 + rng.standard_normal(1000),
        "c2st/labels": is_real,
        "c2st/telling_real": np.arange(1, 17, 2),
        "c2st/telling_fake": np.arange(0, 16, 2),
        "c2st/roc": np.stack([np.linspace(0.0, 1.0, 101), np.linspace(0.0, 1.0, 101) ** (1.0, 0.1)[kind]]),
        "max_sliced_wasserstein/projections": along,
        "max_sliced_wasserstein/quantiles": np.stack([np.quantile(along[s], levels) for s in (is_real, ~is_real)]),
        "max_sliced_wasserstein/is_real": is_real,
        "prd/precision": alpha,
        "prd/recall": alpha / slopes,
        "mmd/witness": np.linspace(-1.0, 1.0, 2000),
        "mmd/is_real": np.arange(2000) < 1000,
        "near_duplicates/curve_tau": np.geomspace(1e-3, 1.0, 20),
        "near_duplicates/curve_fake": np.concatenate([[0.0], np.geomspace(1e-4, 0.9, 19)]) * (0.5, 1.0)[kind],
        "near_duplicates/curve_real": np.concatenate([np.zeros(3), np.geomspace(1e-4, 0.5, 17)]),
        "near_duplicates/closest_pairs": np.array([[2, 4], [0, 3], [6, 10]]),
        "near_duplicates/closest_distances": np.array([0.0, 0.1, 0.25]),
        "data_copying/real_distances": rng.gamma(4.0, 0.2, 200),
        "data_copying/fake_distances": np.where(np.arange(200) < 80 * kind, 0.0, rng.gamma(4.0, 0.2, 200)),
        "c2st_e/log_wealth": np.linspace(0.01, 8.0, 300) * kind,
        "vendi/eigenvalues": np.array([0.4, 0.3, 0.2, 0.09, 0.00999, 0.00001]),
        "projected_wasserstein/w_per_block": np.array([0.5, 0.6, 0.7]),
        "projected_wasserstein/by_size": _sizes(kind),
        "precision/halves": _cloud(rng, (0.93, 0.95)[kind], (0.94, 0.45)[kind]),
        "precision/real_halves": _cloud(rng, 0.93, 0.94),
        "density/halves": _cloud(rng, (1.0, 1.2)[kind], (0.96, 0.6)[kind]),
        "density/real_halves": _cloud(rng, 1.0, 0.96),
        "coverage/uncovered": np.array([1, 3, 4, 9]),
        "mode_coverage/share_bounds": np.stack([np.full((8, 2), (0.1, 0.15)), np.full((8, 2), (0.0, 0.25))]),
        "mode_coverage/missing_examples": np.array([[1, 3], [1, 5], [4, 7], [4, 999]]),
        "c2st_cnn/pixel_map": np.linspace(-0.1, 0.5, 64).reshape(8, 8),
        "c2st_cnn/filters": np.linspace(-1.0, 1.0, 16 * 9).reshape(16, 3, 3, 1),
    }
