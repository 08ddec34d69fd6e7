"""The cause that is named first is the fault that was built in, not one of its shadows."""

from __future__ import annotations

import numpy as np
import pytest

import gandiag

Rng = np.random.Generator
PANEL = ("moment_difference", "off_support", "mode_coverage", "mode_spread", "energy")


def ring(rng: Rng, n: int, spread: float = 0.1) -> np.ndarray:
    angle = rng.integers(0, 8, n) * np.pi / 4
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) + spread * rng.normal(size=(n, 2))


def first(real: np.ndarray, fake: np.ndarray, seed: int = 0) -> gandiag.Report:
    return gandiag.score(real, fake, metrics=PANEL, permutations=999, seed=seed)


@pytest.mark.parametrize(("columns", "shift"), [(5, 0.3), (20, 0.3), (20, 1.0), (1, 3.0)])
def test_a_shift_of_a_law_without_modes_is_no_missing_region(columns: int, shift: float) -> None:
    rng = np.random.default_rng(5)
    report = first(rng.normal(size=(660, columns)), rng.normal(shift, 1.0, size=(500, columns)))
    assert report.diagnoses[0].code == "shifted"
    assert "displaced" in report.diagnoses[0].sentence


def test_widened_modes_are_no_noise_and_their_width_is_no_share_of_samples() -> None:
    codes = []
    for seed in range(4):
        rng = np.random.default_rng([seed, 8])
        report = first(ring(rng, 660), ring(rng, 500, spread=0.3), seed)
        codes.append(report.diagnoses[0].code)
        assert "100 %" not in report.diagnoses[0].sentence
    assert set(codes) == {"low_fidelity"}


def test_noise_among_modes_is_noise() -> None:
    rng = np.random.default_rng(3)
    fake = np.concatenate([ring(rng, 400), rng.uniform(-2, 2, size=(100, 2))])
    assert first(ring(rng, 660), rng.permutation(fake)).diagnoses[0].code == "noise_mixture"


def test_reweighted_clusters_are_imbalanced_not_shifted() -> None:
    rng = np.random.default_rng(4)
    real = rng.normal(size=(660, 2)) + 8 * (rng.random((660, 1)) < 0.5)
    fake = rng.normal(size=(500, 2)) + 8 * (rng.random((500, 1)) < 0.75)
    assert first(real, fake).diagnoses[0].code == "modes_imbalanced"
