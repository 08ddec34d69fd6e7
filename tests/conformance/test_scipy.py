"""Against scipy: roots of products, transport, energy, divergences, permutations and classical tests."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from agreement import agrees, close
from numpy.typing import NDArray
from scipy import stats
from scipy.linalg import sqrtm
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist, jensenshannon

from gandiag.core.results import Relabelling
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.energy import energy_distance
from gandiag.metrics.wasserstein import wasserstein_distance
from gandiag.numerics.binomial import clopper_pearson, exact_accuracy_power, fisher_p
from gandiag.numerics.contingency import chi_square_homogeneity, count_tails
from gandiag.numerics.divergences import jensen_shannon, js_distance
from gandiag.numerics.frechet_distance import frechet_distance
from gandiag.numerics.histograms import g_statistic, jensen_shannon_shares
from gandiag.numerics.marginals import SortedColumns, ks_p_values
from gandiag.numerics.transport import wasserstein_1d

Matrix = NDArray[np.float64]


def pair(n: int, m: int, d: int, seed: int = 0) -> tuple[Matrix, Matrix]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 1.2 * rng.normal(size=(m, d)) + 0.4


@pytest.mark.differential("D03")
@pytest.mark.parametrize(("n", "m"), [(200, 150), (12, 15)])
def test_the_frechet_distance_by_a_matrix_root(n: int, m: int) -> None:
    real, fake = pair(n, m, 20)
    first, second = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # singular, below as many rows as columns
        root = np.trace(sqrtm(first @ second)).real
    expected = np.square(real.mean(axis=0) - fake.mean(axis=0)).sum() + np.trace(first + second) - 2 * root
    agrees(frechet_distance(real, fake), expected, rel=0.0, abs_=1e-6 * float(np.trace(first + second)))


@pytest.mark.differential("D11")
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_exact_transport_of_equal_sizes_by_assignment(p: float) -> None:
    real, fake = pair(40, 40, 4)
    costs = cdist(real, fake) ** p
    expected = costs[linear_sum_assignment(costs)].mean() ** (1 / p)
    agrees(wasserstein_distance(real, fake, p), expected, rel=1e-9)


@pytest.mark.differential("D11")
def test_exact_transport_in_several_dimensions() -> None:
    real, fake = pair(14, 11, 3)
    agrees(wasserstein_distance(real, fake), stats.wasserstein_distance_nd(real, fake), rel=1e-7)


@pytest.mark.differential("D13")
@pytest.mark.parametrize(("n", "m"), [(30, 30), (30, 17), (1, 8)])
def test_one_dimension_whatever_the_order_of_the_rows(n: int, m: int) -> None:
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=n), rng.standard_t(3, size=m) + 1.0
    ours = wasserstein_1d(rng.permutation(real), rng.permutation(fake))
    agrees(ours, stats.wasserstein_distance(np.sort(real), np.sort(fake)), rel=1e-12)


@pytest.mark.differential("D13")
def test_repeated_rows_are_weights() -> None:
    rng = np.random.default_rng(2)
    (real, fake), (a, b) = rng.normal(size=(2, 9)), rng.integers(1, 5, size=(2, 9))
    ours = wasserstein_1d(np.repeat(real, a), np.repeat(fake, b))
    agrees(ours, stats.wasserstein_distance(real, fake, a, b), rel=1e-12)


@pytest.mark.differential("D13")
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_one_dimension_by_the_integral_over_quantiles(p: float) -> None:
    rng = np.random.default_rng(3)
    real, fake = np.sort(rng.normal(size=12)), np.sort(rng.normal(size=8) + 0.5)
    levels = (np.arange(24) + 0.5) / 24  # quantile functions are constant between multiples of 1/24
    apart = real[(levels * 12).astype(int)] - fake[(levels * 8).astype(int)]
    agrees(wasserstein_1d(real, fake, p), np.mean(np.abs(apart) ** p), rel=1e-12)


@pytest.mark.differential("D15")
@pytest.mark.parametrize(("n", "m"), [(60, 35), (8, 8)])
def test_the_energy_distance_is_the_square_in_one_dimension(n: int, m: int) -> None:
    real, fake = pair(n, m, 1)
    agrees(energy_distance(real, fake), stats.energy_distance(real[:, 0], fake[:, 0]) ** 2, rel=1e-12)


@pytest.mark.differential("D15")
def test_the_energy_distance_by_whole_distance_matrices() -> None:
    real, fake = pair(25, 14, 5)
    within = cdist(real, real).mean() + cdist(fake, fake).mean()
    agrees(energy_distance(real, fake), 2 * cdist(real, fake).mean() - within, rel=1e-12)


def laws(seed: int, k: int = 7) -> Matrix:
    found = np.random.default_rng(seed).dirichlet(np.full(k, 0.3), size=2)
    found[0, 0] = found[1, 3] = 0.0
    return np.asarray(found / found.sum(axis=1, keepdims=True))


@pytest.mark.differential("D16")
@pytest.mark.parametrize("seed", range(5))
def test_the_jensen_shannon_divergence(seed: int) -> None:
    mpmath = pytest.importorskip("mpmath")
    p, q = laws(seed)
    agrees(jensen_shannon(p, q), jensenshannon(p, q) ** 2, rel=1e-10)
    with mpmath.workdps(40):
        first, second = ([mpmath.mpf(float(x)) for x in law] for law in (p, q))
        total = mpmath.mpf(0)
        for a, b in zip(first, second, strict=True):
            total += sum(x * mpmath.log(2 * x / (a + b)) for x in (a, b) if x > 0) / 2
    agrees(jensen_shannon(p, q), float(total), rel=1e-10)


@pytest.mark.differential("D16", "D18")
def test_the_divergence_of_counts_and_the_likelihood_ratio_of_their_table() -> None:
    counts = np.random.default_rng(7).integers(1, 40, size=(2, 9, 3)).astype(float)
    real, fake = counts[0], 3.0 * counts[1]
    agrees(jensen_shannon_shares(real, fake), jensenshannon(real, fake, axis=0) ** 2, rel=1e-10)
    tables = [np.stack([real[:, k], fake[:, k]]) for k in range(3)]
    peers = [stats.chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic for table in tables]
    agrees(g_statistic(real, fake), peers, rel=1e-10)


@pytest.mark.differential("D16")
@pytest.mark.parametrize("gap", [1e-3, 1e-5, 1e-7])
def test_nearby_laws_keep_all_their_digits(gap: float) -> None:
    """The divergence is an eighth of a chi-square distance, up to the square of the gap; the peer loses it."""
    p = np.full(4, 0.25)
    q = p + gap * np.array([1.0, -1.0, 0.5, -0.5])
    expected = float((np.square(p - q) / (4 * (p + q))).sum())
    agrees(js_distance(p, q) ** 2, expected, rel=max(1e-12, 10 * gap**2))
    if gap < 1e-6:
        assert not close(jensenshannon(p, q) ** 2, expected, rel=1e-4)


def test_laws_that_differ_by_rounding_have_a_distance_of_ours_and_none_of_the_peer() -> None:
    """Its sum falls below 0, and its root is then no number; should that be mended, this says so."""
    p = np.random.default_rng(0).dirichlet(np.ones(5), size=200)
    q = np.nextafter(p, 1.0)
    with np.errstate(invalid="ignore"):
        assert np.isnan(jensenshannon(p, q, axis=1)).sum() > 20
    found = np.array([js_distance(a, b) for a, b in zip(p, q, strict=True)])
    assert ((found > 0.0) & (found < 1e-15)).all()


def mean_gap(values: Matrix, n: int) -> Relabelling:
    def statistic(labels: NDArray[np.bool_]) -> Matrix:
        return ((values @ ~labels) / (len(values) - n) - (values @ labels) / n)[None, :]

    return Relabelling(observed=np.arange(len(values)) < n, statistic=statistic)


@pytest.mark.differential("D17")
@pytest.mark.parametrize(("n", "m"), [(3, 4), (5, 5), (2, 7)])
def test_permutation_p_values_by_enumeration(n: int, m: int) -> None:
    real, fake = np.random.default_rng(n).normal(size=n), np.random.default_rng(m).normal(size=m) + 0.5
    peer = stats.permutation_test(
        (fake, real), lambda a, b: a.mean() - b.mean(), alternative="greater", n_resamples=np.inf
    )
    found = permutation_null(mean_gap(np.concatenate([real, fake]), n), draws=999, rng=np.random.default_rng(0))
    agrees(found.p_value, peer.pvalue, rel=1e-12)


@pytest.mark.differential("D17")
def test_permutation_p_values_by_chance() -> None:
    """Both are binomial: within four standard errors of their difference."""
    rng = np.random.default_rng(4)
    real, fake = rng.normal(size=30), rng.normal(size=30) + 0.25
    peer = stats.permutation_test(
        (fake, real),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        alternative="greater",
        n_resamples=20_000,
        vectorized=True,
        rng=np.random.default_rng(5),
    ).pvalue
    found = permutation_null(mean_gap(np.concatenate([real, fake]), 30), draws=20_000, rng=rng).p_value
    error = float(np.sqrt(2 * peer * (1 - peer) / 20_000))
    assert abs(found - peer) < 4 * error
    swapped = permutation_null(mean_gap(np.concatenate([fake, real]), 30), draws=2000, rng=rng).p_value
    assert abs(swapped - peer) > 20 * error


@pytest.mark.differential("D18")
def test_kolmogorov_smirnov_distances_and_p_values() -> None:
    real, fake = pair(40, 25, 2)
    found = SortedColumns.of(np.concatenate([real, fake])).distances((np.arange(65) < 40)[:, None])[:, 0]
    peers = [stats.ks_2samp(real[:, k], fake[:, k], method="exact") for k in range(2)]
    agrees(found, [peer.statistic for peer in peers], rel=1e-12)
    agrees(ks_p_values(found, 40, 25)[0], [peer.pvalue for peer in peers], rel=1e-9)


@pytest.mark.differential("D18")
def test_pearsons_statistic_is_of_counts() -> None:
    real, fake = np.random.default_rng(6).integers(1, 40, size=(2, 9)).astype(float)
    found = chi_square_homogeneity(real[:, None], real + fake)[0]
    agrees(found, stats.chi2_contingency([real, fake], correction=False).statistic, rel=1e-12)


@pytest.mark.differential("D18")
def test_fishers_p_value() -> None:
    agrees(fisher_p(17, 30, 9, 25), stats.fisher_exact([[17, 13], [9, 16]], "greater").pvalue, rel=1e-11)
    fewer, more = count_tails(np.array([4]), np.array([11]), 20, 30)
    table = [[4, 16], [11, 19]]
    agrees([fewer[0], more[0]], [stats.fisher_exact(table, side).pvalue for side in ("less", "greater")], rel=1e-11)


@pytest.mark.differential("D18")
@pytest.mark.parametrize(("count", "trials"), [(118, 200), (1, 9), (37, 40)])
def test_binomial_limits_and_sizes(count: int, trials: int) -> None:
    peer = stats.binomtest(count, trials).proportion_ci(0.95, "exact")
    agrees(clopper_pearson(count, trials), [peer.low, peer.high], rel=1e-10)
    least = next(k for k in range(trials + 1) if stats.binomtest(k, trials, alternative="greater").pvalue <= 0.05)
    size = stats.binomtest(least, trials, alternative="greater").pvalue
    agrees(exact_accuracy_power(0.1, trials)[1], size, rel=1e-11)
