"""The power law by which an effect shrinks with rows."""

from __future__ import annotations

import math

import pytest

from gandiag.gate.growth import grown


def test_a_rate_is_fitted_to_what_was_measured_and_declared_where_it_was_computed() -> None:
    points = [(100, 0.8), (200, 0.4), (400, 0.2)]
    fitted, declared = grown(points, declared=0.5), grown(points, declared=0.5, analytic=True)
    assert fitted is not None
    assert declared is not None
    assert (fitted.rate, fitted.fitted) == (pytest.approx(1.0), True)
    assert (declared.rate, declared.fitted) == (0.5, False)
    assert fitted.at(400) == pytest.approx(0.2)
    assert fitted.at(1600) == pytest.approx(0.05)
    assert declared.at(1600) == pytest.approx(0.1)


def test_rows_for_an_effect_undo_what_rows_see() -> None:
    law = grown([(100, 0.8), (400, 0.4)], declared=0.5)
    assert law is not None
    for size in (1.0, 0.4, 0.1, 0.03):
        rows = law.rows_for(size)
        assert rows is not None
        assert law.at(rows) <= size * (1 + 1e-9)
        assert law.at(int(rows * 0.89)) > size
    assert law.rows_for(1e-9) is None


def test_one_size_or_a_slope_that_is_noise_leaves_the_declared_rate() -> None:
    for points in ([(100, 0.3)], [(100, 0.3), (200, 0.31), (400, 0.3)], [(100, 0.9), (200, 0.1)]):
        law = grown(points, declared=0.5)
        assert law is not None
        assert (law.rate, law.fitted) == (0.5, False)


def test_what_is_not_seen_at_one_size_does_not_count_and_nothing_at_all_is_no_law() -> None:
    law = grown([(100, math.inf), (200, 0.4), (400, 0.2)], declared=0.5)
    assert law is not None
    assert law.points == ((200, 0.4), (400, 0.2))
    assert grown([(100, math.inf)], declared=0.5) is None


def test_rows_that_a_metric_does_not_take_do_not_help() -> None:
    law = grown([(250, 0.4), (500, 0.2), (1000, 0.1), (2000, 0.1)], declared=0.5, most=1000)
    assert law is not None
    assert law.rate == pytest.approx(1.0)
    assert law.at(50_000) == pytest.approx(0.1)
    assert law.rows_for(0.1) == 1000
    assert law.rows_for(0.09) is None
