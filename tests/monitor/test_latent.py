"""Active latent dimensions and their divergence, on the linear model whose values are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import gandiag
from gandiag.errors import ConfigError, ShapeError
from gandiag.monitor.latent import active_units, gaussian_kl, latent_numbers

EIGENVALUES = np.array([4.0, 2.0, 1.5, 0.5])
NOISE = 1.0
ACTIVITY = np.maximum(1.0 - NOISE / EIGENVALUES, 0.0)
VARIANCE = np.minimum(NOISE / EIGENVALUES, 1.0)


def posterior(n: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Draw the posterior means of the optimal linear encoder, whose variances are those of the theory exactly."""
    rows = np.random.default_rng(0).normal(size=(n, 4))
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0, ddof=1)
    return rows * np.sqrt(ACTIVITY), np.tile(np.log(VARIANCE), (n, 1))


@pytest.mark.row(87)
def test_active_units_of_the_linear_model() -> None:
    mean, log_variance = posterior(2000)
    activity, on = active_units(mean)
    np.testing.assert_allclose(activity, [0.75, 0.5, 1 / 3, 0.0], atol=1e-12)
    assert int(on.sum()) == 3
    # E mu^2 is the activity up to n / (n - 1): KL_i = log(l_i / s^2) / 2 within 1 / n.
    np.testing.assert_allclose(gaussian_kl(mean, log_variance), [0.6931, 0.3466, 0.2027, 0.0], atol=5e-4)


def test_a_batch_is_summarised_from_means_or_from_divergences() -> None:
    mean, log_variance = posterior(500)
    found = latent_numbers({"mean": torch.from_numpy(mean), "log_variance": torch.from_numpy(log_variance)})
    assert found["latent/active"] == 3.0
    assert found["latent/active_share"] == 0.75
    assert found["latent/kl"] == pytest.approx(1.2424, abs=2e-3)
    assert latent_numbers({"mean": mean}) == {"latent/active": 3.0, "latent/active_share": 0.75}
    per_row = 0.5 * (mean**2 + np.exp(log_variance) - 1.0 - log_variance)
    assert latent_numbers({"kl": per_row})["latent/kl"] == pytest.approx(found["latent/kl"])
    assert latent_numbers({"kl": per_row.mean(axis=0)})["latent/active"] == 3.0


def test_unknown_latents_are_refused() -> None:
    with pytest.raises(ConfigError, match="`latent` must hold"):
        latent_numbers({"mu": np.zeros((3, 2))})
    with pytest.raises(ShapeError, match="at least 2 rows"):
        latent_numbers({"mean": np.zeros((1, 2))})


def test_the_observer_raises_the_alarm_of_a_silent_encoder() -> None:
    monitor = gandiag.Monitor(window=2)
    rng = np.random.default_rng(0)
    for step in range(24):
        scale = 1.0 if step < 8 else 1e-3
        monitor.step(step, losses={"elbo": 1.0}, latent={"mean": scale * rng.normal(size=(64, 4))})
    assert [alarm.name for alarm in monitor.alarms] == ["posterior_collapse"]
