"""Corrections for several questions: closed forms, order, and what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gandiag.inference.multiplicity import benjamini_hochberg, holm

P = [0.01, 0.04, 0.03, 0.005]
P_VALUES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12)


@pytest.mark.row(24)
def test_holm_gives_the_worked_example() -> None:
    assert holm(P) == pytest.approx([0.03, 0.06, 0.06, 0.02], abs=1e-15)


@pytest.mark.row(24)
def test_benjamini_hochberg_gives_the_worked_example() -> None:
    assert benjamini_hochberg(P) == pytest.approx([0.02, 0.04, 0.04, 0.02], abs=1e-15)


def test_holm_without_the_running_maximum_would_be_caught() -> None:
    order = np.argsort(P)
    wrong = np.empty(4)
    wrong[order] = np.asarray(P)[order] * np.arange(4, 0, -1)
    assert holm(P) != pytest.approx(wrong.tolist(), abs=1e-15)


@given(P_VALUES)
def test_benjamini_hochberg_agrees_with_scipy(values: list[float]) -> None:
    from scipy.stats import false_discovery_control

    assert benjamini_hochberg(values) == pytest.approx(false_discovery_control(values).tolist(), abs=1e-12)


@given(P_VALUES)
def test_adjusting_keeps_the_order_and_never_lowers_a_p_value(values: list[float]) -> None:
    order = np.argsort(values, kind="stable")
    for adjust in (holm, benjamini_hochberg):
        adjusted = np.asarray(adjust(values))
        assert (adjusted >= np.asarray(values) - 1e-15).all()
        assert (adjusted <= 1.0).all()
        assert (np.diff(adjusted[order]) >= -1e-15).all()
    assert (np.asarray(holm(values)) >= np.asarray(benjamini_hochberg(values)) - 1e-15).all()


def test_one_p_value_is_left_as_it_is() -> None:
    assert holm([0.2]) == benjamini_hochberg([0.2]) == [0.2]


def test_holm_keeps_the_family_error_where_no_correction_does_not() -> None:
    # 20 true nulls, 2000 families: the rate of any rejection at 0.05 has standard error 0.005.
    draws = np.random.default_rng(0).random((2000, 20))
    corrected = np.mean([min(holm(list(p))) <= 0.05 for p in draws])
    uncorrected = np.mean(draws.min(axis=1) <= 0.05)
    assert corrected <= 0.05 + 4 * 0.005
    assert uncorrected > 0.5
