"""Examples of many columns are placed in a plane that the real side alone chooses, and a report keeps their places."""

from __future__ import annotations

import numpy as np

import gandiag
from gandiag.core.plane import planes


def test_directions_are_fitted_on_the_real_side() -> None:
    rng = np.random.default_rng(3)
    real = rng.standard_normal((200, 5)) * [9.0, 4.0, 1.0, 1.0, 1.0]
    fake = rng.standard_normal((100, 5)) * [1.0, 1.0, 99.0, 1.0, 1.0]
    found = planes({"examples/real_features": real, "examples/0_features": fake})
    shown, made = found["examples/real_plane"], found["examples/0_plane"]
    # The first two columns carry nearly all spread of the real side: 9 and 4 against 1, so they are its directions.
    assert np.corrcoef(shown[:, 0], real[:, 0])[0, 1] > 0.98
    assert np.corrcoef(shown[:, 1], real[:, 1])[0, 1] > 0.95
    # Had the directions been fitted on the fake side too, its wide third column would be the first direction.
    assert abs(np.corrcoef(made[:, 0], fake[:, 2])[0, 1]) < 0.98


def test_one_example_lies_at_the_origin_and_few_columns_are_their_own_plane() -> None:
    single = planes({"examples/real_features": np.ones((1, 3)), "examples/0_features": np.ones((2, 3))})
    assert {key: rows.tolist() for key, rows in single.items()} == {
        "examples/real_plane": [[0.0, 0.0]],
        "examples/0_plane": [[0.0, 0.0]] * 2,
    }
    assert planes({"examples/real_features": np.ones((4, 2)), "examples/0_features": np.ones((4, 2))}) == {}
    assert planes({}) == {}


def test_a_report_keeps_the_places_of_its_examples() -> None:
    rows = np.random.default_rng(0).standard_normal((80, 4))
    report = gandiag.score(rows[:40], rows[40:], metrics=["ks_marginals"], permutations=19)
    for side in ("real", "0"):
        assert report.arrays[f"examples/{side}_plane"].shape == (len(report.arrays[f"examples/{side}"]), 2)
