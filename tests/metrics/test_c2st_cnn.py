"""Classifier test by filters: texture anywhere in an image, level, shapes, the same number twice."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from gandiag.core.comparison import Comparison
from gandiag.inference.permutation import permutation_null
from gandiag.metrics._critic_test import critic_measurement
from gandiag.metrics.c2st_cnn import measure
from gandiag.numerics.classifiers import fit_linear
from gandiag.numerics.networks import fit_cnn


def comparison(real, fake, shape):
    return Comparison(real=real, fake=fake, fit=real[:2], image_shape=shape)


def p_value(measurement, seed=0, draws=99):
    return permutation_null(measurement.null, draws=draws, rng=np.random.default_rng(seed)).p_value


def noise(rng, rows, side=12, smooth=0.0):
    """White noise, or noise in which each pixel leans on its neighbour; every pixel has variance 1."""
    images = rng.normal(size=(rows, side, side))
    return ((images + smooth * np.roll(images, 1, axis=2)) / np.sqrt(1 + smooth**2)).reshape(rows, side**2)


def test_it_sees_a_texture_that_a_linear_critic_does_not():
    rng = np.random.default_rng(0)
    both = comparison(noise(rng, 300), noise(rng, 300, smooth=0.5), (12, 12))
    assert p_value(measure(both, rng=np.random.default_rng(0))) == 0.01
    linear = critic_measurement(both, fit_linear, np.random.default_rng(0), details={})
    assert abs(linear.estimate) < 4 * np.sqrt(1 / 300)  # the standard error of an advantage of 150 and 150 rows


def test_the_same_pixels_in_another_order_show_it_less():
    # Filters are local: with the pixels dealt anew the texture is still there, and no longer next door.
    rng = np.random.default_rng(1)
    order = rng.permutation(144)
    real, fake = noise(rng, 300), noise(rng, 300, smooth=0.5)
    whole = measure(comparison(real, fake, (12, 12)), rng=np.random.default_rng(0))
    dealt = measure(comparison(real[:, order], fake[:, order], (12, 12)), rng=np.random.default_rng(0))
    assert whole.details["auc"] > dealt.details["auc"] + 0.1


def null_count(repetitions):
    found = 0
    for seed in range(repetitions):
        rng = np.random.default_rng(seed)
        both = comparison(noise(rng, 24, side=4), noise(rng, 16, side=4), (4, 4))
        found += p_value(measure(both, rng=np.random.default_rng(seed)), seed) <= 0.05
    return found


def test_the_level_holds():
    assert null_count(40) <= binom.ppf(1 - 1e-4, 40, 0.05)


@pytest.mark.slow
def test_the_level_holds_over_many_repetitions():
    assert null_count(500) <= binom.ppf(1 - 1e-4, 500, 0.05)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6, 3), (1, 5), (1, 1, 3)])
def test_any_shape_is_taken_and_the_same_stream_gives_the_same_number(shape):
    rng = np.random.default_rng(2)
    both = comparison(rng.random(size=(20, np.prod(shape))), rng.random(size=(12, np.prod(shape))), shape)
    first, second = (measure(both, rng=np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first.arrays["scores"], second.arrays["scores"])


def test_colours_are_channels_and_not_neighbours():
    # Mean images of one colour: a critic that took (height, width, channels) for planes would mix them.
    rng = np.random.default_rng(4)
    rows = rng.random(size=(40, 4, 4, 3))
    rows[:20, ..., 1] += 1.0
    critic = fit_cnn(rows.reshape(40, 48), np.arange(40) < 20, (4, 4, 3), rng)
    assert np.ptp(critic.scale[0::3]) == 0.0
    assert critic.scale[1] > 1.2 * critic.scale[0]
    scores = critic.scores(rows.reshape(40, 48))
    assert scores[:20].min() > scores[20:].max()


def test_without_a_shape_it_is_undefined():
    rows = np.zeros((10, 4))
    assert measure(comparison(rows, rows, None), rng=np.random.default_rng(0)).status == "undefined"


@pytest.mark.cuda
def test_a_device_gives_the_same_bits_twice_and_agrees_with_the_host():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    rng = np.random.default_rng(5)
    rows, labels = np.concatenate([noise(rng, 100), noise(rng, 100, smooth=0.7)]), np.arange(200) < 100
    fits = [fit_cnn(rows, labels, (12, 12), np.random.default_rng(1), d) for d in ("cuda", "cuda", "cpu")]
    one, two, host = (fit.scores(rows) for fit in fits)
    assert np.array_equal(one, two)
    # Rounding grows over the steps of the descent: the ranking is what must stay.
    assert np.corrcoef(one, host)[0, 1] > 0.98


def test_the_map_of_pixels_adds_up_to_the_difference_of_the_scores_and_shows_where_it_is():
    rng = np.random.default_rng(5)
    real, fake = noise(rng, 240), noise(rng, 240)
    fake.reshape(-1, 12, 12)[:, 2:5, 7:10] += 1.5
    found = measure(comparison(real, fake, (12, 12)), rng=np.random.default_rng(0)).arrays
    shares, scores, labels = found["pixel_map"], found["scores"], found["labels"]
    paired = scores[labels][:64].mean() - scores[~labels][:64].mean()
    assert shares.sum() == pytest.approx(paired, rel=0.05)
    assert shares[2:5, 7:10].sum() > 0.7 * paired
    assert np.unravel_index(shares.argmax(), shares.shape)[0] in (2, 3, 4)
    # Of images of one law there is little to share out.
    none = measure(comparison(real, noise(rng, 240), (12, 12)), rng=np.random.default_rng(0)).arrays["pixel_map"]
    assert abs(none.sum()) < 0.3 * paired
    assert found["filters"].shape == (16, 3, 3, 1)
