"""Stacked modes: a thousand classes read channel by channel, with the value of a perfect sampler beside the count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.datasets.stacked_digits import open_stacked_digits
from gandiag.errors import ConfigError
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.stacked_modes import fit_reader, measure

Matrix = NDArray[np.float64]
SHAPE = (8, 8, 3)


def stacked(n: int, seed: int) -> tuple[Matrix, NDArray[np.int64]]:
    samples = open_stacked_digits().sample(n, rng=np.random.default_rng(seed))
    assert samples.labels is not None
    return samples.matrix(), samples.labels


def run(fake: Matrix, n: int = 1500) -> tuple[Any, float]:
    (real, real_labels), (fit, fit_labels) = stacked(n, 1), stacked(1500, 2)
    pair = Comparison(real=real, fake=fake, fit=fit, real_labels=real_labels, fit_labels=fit_labels, image_shape=SHAPE)
    found = measure(pair, rng=np.random.default_rng(0))
    null = summarise_null(found, draws=199, rng=np.random.default_rng(0))
    assert null.p_value is not None
    return found, null.p_value.value


def test_a_perfect_sampler_reaches_as_many_modes_as_chance_allows() -> None:
    fake, labels = stacked(3000, 3)
    found, p = run(fake, n=3000)
    assert p > 0.01
    assert found.details["n_modes"] == 1000
    # 3000 draws leave about 1000 e^-3 = 50 modes empty, more as digits are not quite even.
    missing = found.details["missing_for_a_perfect_sampler"]
    assert missing == pytest.approx(1000 * np.exp(-3), rel=0.25)
    assert abs(1000 - found.details["captured_raw"] - missing) < 4 * np.sqrt(missing) + 3
    assert abs(found.details["captured_raw"] - len(np.unique(labels))) <= 5  # a few digits are read as others
    assert found.details["reverse_kl"] == pytest.approx(found.details["reverse_kl_floor"], rel=0.25)


def test_a_sampler_of_a_hundred_modes_is_counted() -> None:
    fake, labels = stacked(20_000, 4)
    kept = labels // 100 == 7
    found, p = run(fake[kept][:1500])
    assert found.estimate == 100
    assert p == 0.005
    assert found.details["reverse_kl"] == pytest.approx(
        np.log(10), abs=0.35
    )  # the share of sevens among 1500 rows: 4 errors of 8 %


def test_misreadings_raise_the_bar_and_a_single_image_no_longer_counts() -> None:
    """A perfect sampler of 100 modes, seen through noise: the raw count is far above 100, the corrected one is not."""
    fake, labels = stacked(20_000, 4)
    rng = np.random.default_rng(0)
    sides = {"real": stacked(1500, 1), "fit": stacked(1500, 2), "fake": (fake[labels // 100 == 7][:1500], None)}
    noisy = {side: rows + 4.0 * rng.normal(size=rows.shape) for side, (rows, _) in sides.items()}
    found = measure(
        Comparison(**noisy, real_labels=sides["real"][1], fit_labels=sides["fit"][1], image_shape=SHAPE),
        rng=np.random.default_rng(0),
    )
    assert found.details["misread_real"] > 0.02
    assert found.details["captured_raw"] > 130
    assert found.estimate <= 110


def test_one_channel_is_read_whole() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 4)) + 5.0 * rng.integers(3, size=60)[:, None]
    labels = np.array([11, 12, 400])[(rows.mean(axis=1) > 2.5).astype(int) + (rows.mean(axis=1) > 7.5)]
    reader, names = fit_reader(rows, labels, (2, 2))
    assert reader.classes == len(names) <= 3
    np.testing.assert_array_equal(names[reader.read(rows)], labels)


def test_ten_classes_of_colour_images_are_no_stacks() -> None:
    # Read as stacks, labels 0 to 9 were the last of three digits: 1000 modes, and the channels of one image mixed up.
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 200)
    rows = rng.normal(size=(200, 12)) + 10.0 * rng.normal(size=(10, 12))[labels]
    reader, names = fit_reader(rows, labels, (2, 2, 3))
    assert (reader.channels, reader.classes, names.tolist()) == (1, 10, list(range(10)))
    assert np.array_equal(reader.read(rows), labels)
    assert fit_reader(rows, labels, (2, 2, 3), stacked=True)[0].classes == 1000
    assert fit_reader(rows, labels + 100, (2, 2, 3))[0].classes == 1000
    assert fit_reader(rows, labels + 100, (2, 2, 3), stacked=False)[0].classes == 10
    with pytest.raises(ConfigError, match=r"must lie from 0 to 999.*; got 3 channels, labels"):
        fit_reader(rows, labels + 1000, (2, 2, 3), stacked=True)


def test_it_keeps_its_level() -> None:
    rng = np.random.default_rng(7)
    pool, labels = stacked(30_000, 8)
    p = []
    for i in range(40):
        rows = rng.permutation(len(pool))[:600]
        a, b, c = rows[:200], rows[200:400], rows[400:]
        pair = Comparison(
            real=pool[a], fake=pool[b], fit=pool[c], real_labels=labels[a], fit_labels=labels[c], image_shape=SHAPE
        )
        found = measure(pair, rng=np.random.default_rng(i))
        null = summarise_null(found, draws=99, rng=np.random.default_rng(i))
        assert null.p_value is not None
        p.append(null.p_value.value)
    assert sum(np.array(p) <= 0.05) <= 9  # binomial limit at 1e-4
