"""Discrete laws: probabilities, and the facts that they are known for."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from dataset_checks import check_shares

from gandiag.core.specs import DATASETS
from gandiag.datasets.sequences import total_variation_between
from gandiag.errors import ConfigError

LAWS: list[tuple[str, dict[str, Any]]] = [
    ("uniform", {"N": 50}),
    ("uniform", {"N": "50", "support": "25"}),
    ("zipf", {"N": 50, "s": 1.5}),
    ("paninski", {"N": 50, "eps": 0.3}),
]


@pytest.mark.parametrize(("name", "options"), LAWS)
def test_probabilities_sum_to_one_and_samples_follow_them(name: str, options: dict[str, Any]) -> None:
    law = DATASETS.get(name).open(**options)
    probabilities = np.exp(law.log_density(np.arange(50)[:, None]))
    assert probabilities.sum() == pytest.approx(1, abs=1e-12)
    samples = law.sample(20_000, rng=np.random.default_rng(0))
    assert samples.kind == "discrete"
    assert samples.values.dtype.kind == "i"
    counts = np.bincount(samples.values[:, 0], minlength=50)
    check_shares(counts, probabilities)
    tilted = probabilities * np.linspace(0.8, 1.2, 50)
    with pytest.raises(AssertionError, match="counts do not fit"):
        check_shares(counts, tilted / tilted.sum())


def test_impossible_values_have_probability_zero() -> None:
    law = DATASETS.get("uniform").open(N=10, support=5)
    assert (law.log_density(np.array([[-1], [5], [10], [0.5]])) == -np.inf).all()


def test_half_the_support_has_total_variation_one_half() -> None:
    law = DATASETS.get("uniform").open(N=100, support=50)
    assert np.abs(law.pmf - 0.01).sum() / 2 == pytest.approx(0.5, abs=1e-12)
    assert np.square(law.pmf).sum() == pytest.approx(2 / 100, rel=1e-12)


def test_zipf_has_the_reference_collision_probability() -> None:
    assert np.square(DATASETS.get("zipf").open(N=1000, s=1).pmf).sum() == pytest.approx(0.0293391, abs=5e-8)


def test_zipf_with_exponent_zero_is_uniform() -> None:
    np.testing.assert_allclose(DATASETS.get("zipf").open(N=7, s=0).pmf, 1 / 7, rtol=1e-14)


def test_paninski_lies_at_total_variation_eps_from_uniform() -> None:
    law = DATASETS.get("paninski").open(N=1000, eps=0.25, seed=3)
    assert np.abs(law.pmf - 1e-3).sum() / 2 == pytest.approx(0.25, abs=1e-12)
    assert np.square(law.pmf).sum() == pytest.approx((1 + 4 * 0.25**2) / 1000, rel=1e-12)
    np.testing.assert_allclose(law.pmf.reshape(-1, 2).sum(axis=1), 2e-3, rtol=1e-12)
    ups = (law.pmf[::2] > 1e-3).sum()
    assert 180 < ups < 320  # 500 fair coins: 250 with sd 11.2


def test_the_coins_of_paninski_come_from_its_seed() -> None:
    first, again, other = (DATASETS.get("paninski").open(seed=s).pmf for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_sequences_have_the_total_variation_of_the_lectures() -> None:
    assert total_variation_between(1000, 100) == pytest.approx(0.0952, abs=5e-5)
    # By enumeration of all sequences of a small alphabet.
    full, less = DATASETS.get("sequences").open(N=4, T=3), DATASETS.get("sequences").open(N=4, T=3, missing=1)
    every = np.array(list(itertools.product(range(4), repeat=3)))
    p, q = np.exp(full.log_density(every)), np.exp(less.log_density(every))
    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert q.sum() == pytest.approx(1, abs=1e-12)
    assert np.abs(p - q).sum() / 2 == pytest.approx(total_variation_between(4, 3), abs=1e-12)
    assert np.isinf(full.log_density(every) - less.log_density(every)).any()  # the divergence is infinite


def test_the_missing_value_of_sequences_never_occurs() -> None:
    x = DATASETS.get("sequences").open(N=5, T=7, missing=1).sample(3000, rng=np.random.default_rng(0)).values
    assert x.shape == (3000, 7)
    check_shares(np.bincount(x.ravel(), minlength=5), np.array([0.25, 0.25, 0.25, 0.25, 0]))
    assert (DATASETS.get("sequences").open(N=5, T=7).sample(3000, rng=np.random.default_rng(0)).values == 4).any()


def test_both_sides_of_a_pair_declare_one_range() -> None:
    """Else a comparison would be refused for its ranges, and the missing value would be given away."""
    rng = np.random.default_rng(0)
    for options in ({"missing": 0}, {"missing": 1}):
        assert DATASETS.get("sequences").open(N=9, **options).sample(2, rng=rng).value_range == (0, 8)
    assert DATASETS.get("uniform").open(N=9, support=3).sample(2, rng=rng).value_range == (0, 8)


def test_paninski_refuses_an_odd_domain() -> None:
    with pytest.raises(ConfigError, match=r"`N` must be even.*got 7.*N=8"):
        DATASETS.get("paninski").open(N=7)


def test_a_log_probability_is_natural() -> None:
    law = DATASETS.get("uniform").open(N=8)
    assert law.log_density(np.array([[3]]))[0] == pytest.approx(-math.log(8), abs=1e-14)
