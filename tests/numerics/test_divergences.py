"""Exact divergences: published values, the axioms of a metric, inequalities, and forms that break them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from gandiag.errors import ConfigError
from gandiag.numerics.divergences import jensen_shannon, js_distance, kullback_leibler, total_variation

P, Q = np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.25, 0.5])


def laws(count: int):
    weights = st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4)
    return st.tuples(*[weights.map(lambda w: (np.array(w) + 1e-9) / (np.array(w) + 1e-9).sum())] * count)


@pytest.mark.row(55)
def test_discrete_laws_have_the_published_divergences():
    assert total_variation(P, Q) == pytest.approx(0.25, abs=1e-12)
    assert kullback_leibler(P, Q) == pytest.approx(0.173287, abs=1e-6)
    assert jensen_shannon(P, Q) == pytest.approx(0.042475, abs=1e-6)
    # Bits instead of nats.
    assert kullback_leibler(P, Q) / math.log(2) != pytest.approx(0.173287, abs=1e-2)


@pytest.mark.row(56)
def test_divergence_of_disjoint_laws_is_log_two():
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == pytest.approx(0.215762, abs=1e-6)
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(math.log(2), abs=1e-12)


@given(laws(3))
def test_the_distance_is_a_metric(found):
    p, q, r = found
    assert js_distance(p, q) == js_distance(q, p)
    assert js_distance(p, p) == 0.0
    assert js_distance(p, q) > 0.0 or np.allclose(p, q, atol=1e-7)
    assert js_distance(p, r) <= js_distance(p, q) + js_distance(q, r) + 1e-9
    assert js_distance(p, q) == pytest.approx(jensenshannon(p, q), abs=1e-7)


def test_the_divergence_itself_breaks_the_triangle_inequality():
    p, q, r = np.array([1.0, 0.0]), np.array([0.5, 0.5]), np.array([0.0, 1.0])
    assert jensen_shannon(p, r) > jensen_shannon(p, q) + jensen_shannon(q, r) + 0.2
    assert js_distance(p, r) < js_distance(p, q) + js_distance(q, r)


@pytest.mark.row(58)
@given(laws(2))
def test_divergences_bound_each_other(found):
    p, q = found
    variation, divergence = total_variation(p, q), jensen_shannon(p, q)
    assert variation**2 / 2 - 1e-12 <= divergence <= math.log(2) * variation + 1e-12 <= math.log(2) + 1e-12
    assert variation <= math.sqrt(kullback_leibler(p, q) / 2) + 1e-7, "Pinsker"


def test_the_inequalities_reject_a_distance_that_is_passed_off_as_a_divergence():
    assert js_distance(P, Q) > math.log(2) * total_variation(P, Q)


def test_an_infinite_divergence_is_refused():
    with pytest.raises(ConfigError, match="must have mass wherever"):
        kullback_leibler(np.array([0.5, 0.5]), np.array([1.0, 0.0]))
    assert kullback_leibler(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == pytest.approx(math.log(2))
