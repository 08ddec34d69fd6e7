"""Shrunken, shifted, scaled, blurred and quantised: rows that keep their place and change their values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pathology_sources import CENTRES, SIGMA, Blobs, Rows, draw, finite, images, wrapped
from scipy import stats

from gandiag.errors import ConfigError


def within(samples, centres: np.ndarray) -> np.ndarray:
    return samples.matrix() - centres[samples.labels]


@pytest.mark.parametrize("severity", [0.2, 0.5, 0.9])
def test_shrinking_moves_each_row_its_share_of_the_way_to_the_known_centre(severity: float) -> None:
    ours, theirs = draw(wrapped("shrink", Blobs(modes=True), severity), 500), draw(Blobs(), 500)
    np.testing.assert_allclose(within(ours, CENTRES), (1 - severity) * within(theirs, CENTRES), rtol=1e-9, atol=1e-12)
    assert not np.allclose(within(ours, CENTRES), (1 - severity) ** 2 * within(theirs, CENTRES))


def test_shrinking_finds_the_nearest_known_centre_without_labels() -> None:
    ours = draw(wrapped("shrink", Blobs(modes=True, labelled=False), 0.5), 500)
    expected = draw(wrapped("shrink", Blobs(modes=True), 0.5), 500)
    np.testing.assert_allclose(ours.matrix(), expected.matrix(), rtol=1e-12)


def test_shrinking_uses_class_means_where_centres_are_unknown() -> None:
    source = finite()
    means = np.stack([source.values[source.labels == c].mean(axis=0) for c in range(10)])
    ours, theirs = draw(wrapped("shrink", source, 0.4), 200), draw(source, 200)
    np.testing.assert_allclose(within(ours, means), 0.6 * within(theirs, means), rtol=1e-9, atol=1e-12)


def test_shrinking_uses_the_overall_mean_where_nothing_else_is_known() -> None:
    source = Rows(finite().values)
    mean = source.values.mean(axis=0)
    ours, theirs = draw(wrapped("shrink", source, 0.4), 200), draw(source, 200)
    np.testing.assert_allclose(ours.matrix() - mean, 0.6 * (theirs.matrix() - mean), rtol=1e-9, atol=1e-12)


def test_estimated_class_means_are_near_the_truth() -> None:
    """Class means from a look at 4096 rows: the rarest class has about 410, its mean an error of 0.025."""
    ours = draw(wrapped("shrink", Blobs(), 0.999), 500)
    assert np.abs(within(ours, CENTRES)).max() < 4.5 * SIGMA / math.sqrt(370) + 0.001 * 5 * SIGMA


def test_shrinking_a_class_that_the_look_missed_moves_it_to_the_overall_mean() -> None:
    values = np.arange(12.0).reshape(6, 2)
    ill = wrapped("shrink", Rows(values, np.array([0, 0, 1, 1, 2, 2])), 0.5)
    drawn = draw(Rows(values, np.array([0, 0, 1, 1, 7, 7])), 6)
    moved = ill.distorted(drawn, np.random.default_rng(0))
    strangers = drawn.labels == 7
    mean = values.mean(axis=0)
    np.testing.assert_allclose(moved.values[strangers], (drawn.values[strangers] + mean) / 2)


def test_a_shift_moves_every_row_by_one_vector_of_the_asked_for_length() -> None:
    source = finite()
    sd = source.values.std(axis=0)
    for severity in (0.5, -2.0):
        ours, theirs = draw(wrapped("shift", source, severity), 50), draw(source, 50)
        gap = ours.matrix() - theirs.matrix()
        np.testing.assert_allclose(gap, np.broadcast_to(gap[0], gap.shape), rtol=1e-9)
        assert np.linalg.norm(gap[0] / sd) == pytest.approx(abs(severity), rel=1e-9)
    forth, back = (wrapped("shift", source, s).offset for s in (1, -1))
    np.testing.assert_allclose(forth, -back)
    assert not np.allclose(wrapped("shift", source, 1, seed=1).offset, forth)


def test_a_shift_leaves_constant_values_alone_and_keeps_its_length() -> None:
    values = finite().values
    source = Rows(np.column_stack([values, np.full(200, 0.3)]))
    offset = wrapped("shift", source, 2).offset
    assert offset[2] == 0
    assert np.linalg.norm(offset[:2] / values.std(axis=0)) == pytest.approx(2)


def test_a_source_that_is_constant_throughout_is_shifted_in_units_of_one() -> None:
    ill = wrapped("shift", Rows(np.ones((30, 4))), 3)
    assert np.linalg.norm(draw(ill, 1).matrix()[0] - 1) == pytest.approx(3)


def test_scaling_stretches_about_the_mean() -> None:
    source = finite()
    mean = source.values.mean(axis=0)
    for severity in (0.5, -0.5):
        ours, theirs = draw(wrapped("scale", source, severity), 200), draw(source, 200)
        np.testing.assert_allclose(ours.matrix() - mean, (1 + severity) * (theirs.matrix() - mean), atol=1e-12)
    with pytest.raises(ConfigError, match="`severity` must be a finite number, above -1; got -1"):
        wrapped("scale", source, -1)


def test_shift_and_scale_may_leave_the_declared_range() -> None:
    for name in ("shift", "scale"):
        values = draw(wrapped(name, images(), 5.0), 60).matrix()
        assert values.min() < 0
        assert values.max() > 1


def test_blurred_images_are_a_convolution_over_height_and_width() -> None:
    dot = np.zeros((1, 41, 41, 2))
    dot[0, 20, 20, 0] = 1.0
    blurred = draw(wrapped("blur", Rows(dot, kind="image", value_range=(0, 1)), 2.0), 1).values[0]
    assert blurred[:, :, 1].max() == 0  # channels do not mix
    assert blurred[:, :, 0].sum() == pytest.approx(1, abs=1e-6)
    offsets = np.arange(41) - 20
    profile = blurred[:, :, 0].sum(axis=1)
    assert profile @ offsets**2 == pytest.approx(4.0, rel=0.01)  # the kernel is cut at 4 sd: 0.1 % of its variance
    assert profile @ offsets**2 != pytest.approx(2.0, rel=0.3)  # the severity is a standard deviation


def test_rows_are_blurred_each_for_itself() -> None:
    source = images()
    alone = draw(wrapped("blur", Rows(draw(source, 60).values[:1], kind="image"), 1.0), 1)
    np.testing.assert_allclose(alone.values[0], draw(wrapped("blur", source, 1.0), 60).values[0])


def test_blurred_vectors_get_noise_in_units_of_the_spread() -> None:
    ours, theirs = draw(wrapped("blur", Blobs(), 0.3), 6000), draw(Blobs(), 6000)
    gap = ours.matrix() - theirs.matrix()
    sd = draw(Blobs(), 50_000, seed=1).matrix().std(axis=0)
    # 6000 draws and a scale from 4096 rows: 4.5 standard errors of the ratio are 0.07.
    np.testing.assert_allclose(gap.std(axis=0), 0.3 * sd, rtol=0.07)
    assert stats.kstest(gap[:, 0] / gap[:, 0].std(), "norm").pvalue > 1e-4
    assert abs(np.corrcoef(gap[:, 0], theirs.matrix()[:, 0])[0, 1]) < 4.5 / math.sqrt(6000)


def test_quantised_images_lie_on_levels_of_the_declared_range() -> None:
    ours, theirs = draw(wrapped("quantise", images(), 0.25), 60), draw(images(), 60)
    assert sorted(set(ours.matrix().ravel())) == [0, 0.25, 0.5, 0.75, 1]
    assert np.abs(ours.matrix() - theirs.matrix()).max() <= 0.125
    assert sorted(set(draw(wrapped("quantise", images(), 1), 60).matrix().ravel())) == [0, 1]


def test_quantised_vectors_lie_on_levels_of_each_column() -> None:
    source = finite()
    samples = draw(wrapped("quantise", source, 0.2), 200).matrix()
    for column in range(2):
        low, high = source.values[:, column].min(), source.values[:, column].max()
        steps = (samples[:, column] - low) / (0.2 * (high - low))
        np.testing.assert_allclose(steps, steps.round(), atol=1e-9)
        assert set(steps.round()) <= set(range(6))


def test_quantising_leaves_a_constant_column_as_it_is() -> None:
    source = Rows(np.column_stack([np.full(50, 0.37), np.arange(50.0)]))
    samples = draw(wrapped("quantise", source, 0.5), 50).matrix()
    assert (samples[:, 0] == 0.37).all()
    assert set(samples[:, 1]) == {0.0, 24.5, 49.0}


def test_values_stay_in_single_precision() -> None:
    samples = draw(wrapped("blur", Blobs(dtype=np.float32), 0.5), 10)
    assert samples.values.dtype == np.float32
