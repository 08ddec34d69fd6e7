"""The exact machine: against the sum over every state, scikit-learn's free energy, and its own laws."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neural_network import BernoulliRBM

from gandiag.errors import ConfigError, ResourceLimitError, ShapeError
from reference_models.oracles.rbm_exact import (
    configurations,
    free_energy,
    gibbs_kernel,
    hidden_distribution,
    log_likelihood,
    log_partition,
    sample_exactly,
    visible_distribution,
)

Machine = tuple[np.ndarray, np.ndarray, np.ndarray]


def machine(visible: int, hidden: int, seed: int = 0) -> Machine:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1.5, (visible, hidden)), rng.normal(0, 1, visible), rng.normal(0, 1, hidden)


def joint(w: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Log weights of all pairs of states, written as the energy is."""
    v, h = configurations(len(b)), configurations(len(c))
    return np.array([[a @ b + e @ c + a @ w @ e for e in h] for a in v])


@pytest.mark.parametrize("sizes", [(6, 4), (3, 7), (5, 5), (1, 1)])
def test_log_partition_is_the_sum_over_all_pairs(sizes: tuple[int, int]) -> None:
    m = machine(*sizes)
    everything = joint(*m)
    assert log_partition(*m) == pytest.approx(np.logaddexp.reduce(everything, axis=None), abs=1e-11)
    # With units of -1 and 1 it is another machine.
    v, h = 2 * configurations(sizes[0]) - 1, 2 * configurations(sizes[1]) - 1
    spins = (v @ m[1])[:, None] + (h @ m[2])[None, :] + v @ m[0] @ h.T
    assert abs(np.logaddexp.reduce(spins, axis=None) - log_partition(*m)) > 1e-3


def test_marginals_are_those_of_the_joint_law() -> None:
    m = machine(6, 4)
    shares = np.exp(joint(*m) - log_partition(*m))
    np.testing.assert_allclose(visible_distribution(*m), shares.sum(axis=1), rtol=1e-10)
    np.testing.assert_allclose(hidden_distribution(*m), shares.sum(axis=0), rtol=1e-10)
    np.testing.assert_allclose(np.exp(log_likelihood(configurations(6), *m)), shares.sum(axis=1), rtol=1e-10)
    forgotten = np.exp(configurations(6) @ m[1])  # hidden units left out
    assert np.abs(forgotten / forgotten.sum() - shares.sum(axis=1)).max() > 0.01


def test_without_weights_units_are_independent() -> None:
    _, b, c = machine(30, 10)
    expected = np.logaddexp(0, b).sum() + np.logaddexp(0, c).sum()
    assert log_partition(np.zeros((30, 10)), b, c) == pytest.approx(expected, abs=1e-11)


def test_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    m = machine(9, 11)
    whole = log_partition(*m)
    monkeypatch.setattr("reference_models.oracles.rbm_exact._TILE", 100)
    assert log_partition(*m) == pytest.approx(whole, abs=1e-11)


def test_large_weights_do_not_overflow() -> None:
    w, b, c = machine(6, 4)
    assert np.isfinite(log_partition(1e3 * w, 1e3 * b, 1e3 * c))
    assert visible_distribution(1e3 * w, 1e3 * b, 1e3 * c).sum() == pytest.approx(1)


def test_free_energy_is_that_of_scikit_learn() -> None:
    w, b, c = machine(6, 4)
    peer = BernoulliRBM(4)
    peer.components_, peer.intercept_visible_, peer.intercept_hidden_ = w.T, b, c
    v = configurations(6)
    np.testing.assert_allclose(free_energy(v, w, b, c), peer._free_energy(v), rtol=1e-12)
    assert np.abs(free_energy(v, w, b, c) + peer._free_energy(v)).max() > 1  # not up to sign: equal


def test_the_kernel_is_in_detailed_balance_and_mixes() -> None:
    m = machine(5, 4)
    p, kernel = visible_distribution(*m), gibbs_kernel(*m)
    np.testing.assert_allclose(kernel.sum(axis=1), 1, rtol=1e-12)
    flow = p[:, None] * kernel
    np.testing.assert_allclose(flow, flow.T, atol=1e-14)
    law = np.full(32, 1 / 32)
    distances = []
    for _ in range(60):
        distances.append(0.5 * np.abs(law - p).sum())
        law = law @ kernel
    assert (np.diff(distances) <= 1e-15).all()
    assert distances[0] > 0.2
    assert distances[-1] < 1e-3
    # A sweep whose hidden units see other biases leaves another law alone.
    wrong = gibbs_kernel(m[0], m[1], -m[2])
    assert np.abs(p[:, None] * wrong - (p[:, None] * wrong).T).max() > 1e-3


@pytest.mark.parametrize("sizes", [(5, 8), (8, 5)])
def test_exact_draws_have_the_exact_law(sizes: tuple[int, int]) -> None:
    """Pearson's statistic over the states expected 5 times and the rest, below its mean plus 5 standard deviations."""
    m = machine(*sizes)
    n = 20_000

    def statistic(rows: np.ndarray) -> tuple[float, int]:
        counts = np.bincount((rows @ (1 << np.arange(sizes[0])[::-1])).astype(int), minlength=1 << sizes[0])
        expected = n * visible_distribution(*m)
        often = expected >= 5
        seen = np.append(counts[often], counts[~often].sum())
        due = np.append(expected[often], expected[~often].sum())
        return float(((seen - due) ** 2 / due).sum()), len(due) - 1

    found, free = statistic(sample_exactly(n, *m, rng=np.random.default_rng(1)))
    bar = free + 5 * np.sqrt(2 * free)
    assert found < bar
    rng = np.random.default_rng(2)
    independent = rng.random((n, sizes[0])) < (visible_distribution(*m) @ configurations(sizes[0]))
    assert statistic(independent.astype(float))[0] > bar  # right pixel by pixel, wrong together


def test_what_cannot_be_summed_is_refused() -> None:
    with pytest.raises(ResourceLimitError, match="at most 22 units"):
        log_partition(*machine(23, 23))
    with pytest.raises(ResourceLimitError, match="at most 16 units"):
        visible_distribution(*machine(17, 2))
    with pytest.raises(ResourceLimitError, match="at most 16 units"):
        gibbs_kernel(*machine(9, 8))
    w, b, c = machine(6, 4)
    with pytest.raises(ShapeError, match="one bias per unit"):
        log_partition(w.T, b, c)
    with pytest.raises(ConfigError, match="0 or 1"):
        free_energy(2 * configurations(6), w, b, c)
    with pytest.raises(ShapeError, match=r"\(n, 6\)"):
        free_energy(configurations(5), w, b, c)
