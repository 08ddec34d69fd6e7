"""Smallest effects that tests of counts see: held against the tests themselves, carried out on planted faults."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import chi2, hypergeom, ncx2

from gandiag.numerics.binomial import fisher_p
from gandiag.numerics.planning import (
    smallest_larger_share,
    smallest_lost_share,
    smallest_more_repeats,
    smallest_repeated_share,
    smallest_unshared,
    smallest_unshared_beside,
)

LEVEL, POWER, RUNS = 0.01, 0.95, 20_000
SPREAD = 3.0 * math.sqrt(POWER * (1 - POWER) / RUNS)
Power = Callable[[float, np.random.Generator], float]


def unshared_power(share: float, rng: np.random.Generator, *, n: int = 300, m: int = 200, tests: int = 5) -> float:
    """Draw how many real rows lie in the category, and test by Fisher's law how few fake ones do: none."""
    held = rng.binomial(n, share, size=RUNS)
    p = np.minimum(1.0, tests * hypergeom.pmf(0, n + m, held, m))
    return float((p <= LEVEL).mean())


LEAK = 0.02


def beside_power(share: float, rng: np.random.Generator, *, n: int = 600, m: int = 400, tests: int = 5) -> float:
    """Let other rows stand in for the lost ones, and test as the gate does: few, and fewer than by chance."""
    real, fake = rng.binomial(n, share + LEAK * (1.0 - share), size=RUNS), rng.binomial(m, LEAK, size=RUNS)
    few = (fake - LEAK * m) * n < 0.1 * real * m
    return float((few & (tests * hypergeom.cdf(fake, n + m, real + fake, m) <= LEVEL)).mean())


def hidden_power(share: float, rng: np.random.Generator) -> float:
    """Lose one of k modes, in whose place a share of the others' rows is counted."""
    return lost_power(share, rng, leak=LEAK)


def larger_power(more: float, rng: np.random.Generator, *, n: int = 300, m: int = 100, held: float = 0.1) -> float:
    """Let a category be larger on one side than on the other, and test both counts by Fisher's law."""
    counts = zip(rng.binomial(n, held + more, size=RUNS // 10), rng.binomial(m, held, size=RUNS // 10), strict=True)
    return float(np.mean([fisher_p(int(a), n, int(b), m) <= LEVEL for a, b in counts]))


def more_repeats_power(share: float, rng: np.random.Generator, *, n: int = 300, m: int = 300, real: int = 10) -> float:
    """Add pairs to the fake side of a pool that has natural ones, and deal all of them out again."""
    natural, runs = round(real / (n / (n + m)) ** 2), RUNS // 20
    law = [(n / (n + m)) ** 2, (m / (n + m)) ** 2]
    law = [*law, 1.0 - sum(law)]
    r, f, _ = rng.multinomial(natural, law, size=runs).T
    planted = rng.binomial(m, share, size=runs)
    observed = (f + planted) / m - r / n
    dealt = [rng.multinomial(natural + extra, law, size=999) for extra in planted]
    hits = [np.count_nonzero(d[:, 1] / m - d[:, 0] / n >= o - 1e-12) for d, o in zip(dealt, observed, strict=True)]
    return float(np.mean((1.0 + np.array(hits)) / 1000.0 <= LEVEL))


def repeated_power(share: float, rng: np.random.Generator, *, n: int = 200, m: int = 300, draws: int = 999) -> float:
    """Plant pairs among the fake rows, and let a permutation test of so many draws judge them."""
    pairs = rng.binomial(m, share, size=RUNS)
    chance = hypergeom.pmf(0, n + m, np.minimum(2 * pairs, n + m), n)
    return float(((1 + rng.binomial(draws, chance)) / (draws + 1) <= LEVEL).mean())


def lost_power(
    share: float, rng: np.random.Generator, *, k: int = 6, n: int = 600, m: int = 400, leak: float = 0.0
) -> float:
    """Let one of k modes be lost, and test both rows of counts by Pearson's statistic."""
    held = share + leak * (1.0 - share)
    law = np.array([held] + [(1.0 - held) / (k - 1)] * (k - 1))
    lost = np.array([leak] + [(1.0 - leak) / (k - 1)] * (k - 1))
    real, fake = rng.multinomial(n, law, size=RUNS), rng.multinomial(m, lost, size=RUNS)
    pooled = (real + fake) / (n + m)
    # A mode that nobody holds adds nothing.
    parts = [(x - s * pooled) ** 2 / np.maximum(s * pooled, 1e-9) for x, s in ((real, n), (fake, m))]
    return float((np.sum(parts[0] + parts[1], axis=1) >= chi2.isf(LEVEL, k - 1)).mean())


# The finder, the power by simulation, and how far beyond sampling error the limiting law may be off.
CASES: dict[str, tuple[Callable[[], float], Power, float]] = {
    "unshared": (lambda: smallest_unshared(300, 200, tests=5, level=LEVEL, power=POWER), unshared_power, 0.0),
    "repeated": (lambda: smallest_repeated_share(200, 300, level=LEVEL, power=POWER), repeated_power, 0.03),
    "larger": (lambda: smallest_larger_share(300, 100, 0.1, level=LEVEL, power=POWER), larger_power, 0.02),
    "more": (lambda: smallest_more_repeats(300, 300, 10, level=LEVEL, power=POWER), more_repeats_power, 0.03),
    "lost": (lambda: smallest_lost_share(6, 600, 400, level=LEVEL, power=POWER), lost_power, 0.01),
    "beside": (
        lambda: smallest_unshared_beside(LEAK, 600, 400, tests=5, level=LEVEL, power=POWER),
        beside_power,
        0.0,
    ),
    "hidden": (
        lambda: smallest_lost_share(6, 600, 400, leak=LEAK, level=LEVEL, power=POWER),
        hidden_power,
        0.01,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_smallest_effect_is_rejected_with_the_power_that_it_claims(name: str) -> None:
    find, power, off = CASES[name]
    found = power(find(), np.random.default_rng(1))
    assert POWER - SPREAD - off * (name in ("lost", "larger", "hidden")) <= found <= POWER + SPREAD + off


@pytest.mark.parametrize("name", CASES)
def test_the_same_check_refuses_an_effect_that_is_a_quarter_off(name: str) -> None:
    find, power, off = CASES[name]
    assert power(0.75 * find(), np.random.default_rng(1)) < POWER - SPREAD - off
    assert power(1.4 * find(), np.random.default_rng(1)) > POWER + SPREAD + off


def test_the_same_check_refuses_a_noncentral_law_for_a_lost_mode() -> None:
    critical = chi2.isf(LEVEL, 5)
    wrong = brentq(lambda share: ncx2.sf(critical, 5, 400 * share) - POWER, 1e-6, 0.9)
    assert lost_power(wrong, np.random.default_rng(1)) > POWER + SPREAD + CASES["lost"][2]


def test_the_same_check_refuses_a_forgotten_correction_for_several_modes() -> None:
    wrong = smallest_unshared(300, 200, tests=1, level=LEVEL, power=POWER)
    assert unshared_power(wrong, np.random.default_rng(1)) < POWER - SPREAD


@pytest.mark.parametrize(("n", "m", "pairs"), [(4, 4, 1), (4, 5, 2), (5, 4, 1)])
def test_pairs_that_all_lie_in_fake_do_so_under_that_share_of_all_relabellings(n: int, m: int, pairs: int) -> None:
    ids = np.array([i // 2 for i in range(2 * pairs)] + list(range(pairs, n + m - pairs)))

    def excess(real: tuple[int, ...]) -> float:
        is_real = np.isin(np.arange(n + m), real)
        repeats: list[float] = [(side.sum() - len(np.unique(ids[side]))) / side.sum() for side in (is_real, ~is_real)]
        return repeats[1] - repeats[0]

    observed = excess(tuple(range(n + m - n, n + m)))
    every = [excess(real) >= observed - 1e-12 for real in combinations(range(n + m), n)]
    assert np.mean(every) == pytest.approx(math.comb(n + m - 2 * pairs, n) / math.comb(n + m, n))


FINDERS: dict[str, Callable[[int, float, float], float]] = {
    "unshared": lambda n, level, power: smallest_unshared(n, n, tests=8, level=level, power=power),
    "repeated": lambda n, level, power: smallest_repeated_share(n, n, level=level, power=power),
    "lost": lambda n, level, power: smallest_lost_share(8, n, n, level=level, power=power),
}


@pytest.mark.parametrize("name", FINDERS)
def test_more_rows_a_laxer_level_and_less_power_see_less(name: str) -> None:
    find = FINDERS[name]
    base = find(1000, 1e-4, 0.95)
    assert 0.0 < base < 1.0
    assert find(2000, 1e-4, 0.95) < base
    assert find(1000, 1e-2, 0.95) < base
    assert find(1000, 1e-4, 0.8) < base
    # All of them are shares of rows: twice the rows see half the share.
    assert find(8000, 1e-4, 0.95) / find(4000, 1e-4, 0.95) == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize("name", FINDERS)
def test_where_no_share_is_noticed_the_answer_is_infinity(name: str) -> None:
    assert FINDERS[name](1, 1e-4, 0.95) == math.inf
    assert FINDERS["unshared"](3, 1e-4, 0.95) == math.inf
    assert FINDERS["repeated"](3, 1e-4, 0.95) == math.inf


def test_two_categories_are_the_fewest_whose_shares_can_differ() -> None:
    assert smallest_lost_share(1, 1000, 1000, level=0.01, power=0.95) == math.inf


def test_an_advantage_of_the_smallest_size_is_seen_by_the_area_with_the_power_that_is_claimed() -> None:
    """A critic of two answers: the worst concave curve of its advantage. Half of it is not seen as often."""
    from gandiag.numerics.planning import smallest_advantage
    from gandiag.numerics.scoring import areas_under_curve, midranks

    rng, n, m, level, runs = np.random.default_rng(8), 200, 150, 0.01, 400
    smallest = smallest_advantage(n, m, level=level, power=0.95)
    labels = np.arange(n + m) < n
    sd = np.sqrt((n + m + 1) / (12.0 * n * m))

    def seen(advantage: float) -> float:
        rejected = 0
        for _ in range(runs):
            # With this chance a real row gets the better half of the scores, with that a fake one.
            upper = rng.random(n + m) < np.where(labels, 0.5 + advantage / 2.0, 0.5 - advantage / 2.0)
            scores = rng.random(n + m) + upper
            rejected += float(areas_under_curve(midranks(scores), labels)) - 0.5 > 2.3263 * sd
        return rejected / runs

    se = np.sqrt(0.95 * 0.05 / runs)
    assert seen(smallest) >= 0.95 - 3.0 * se
    assert seen(0.6 * smallest) < 0.95 - 3.0 * se
