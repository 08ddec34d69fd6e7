"""Projected Wasserstein distance: exact cases, bounds, the bracket, level, power, and wrong variants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.errors import ConfigError
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.projected_wasserstein import measure, projected_wasserstein_distance, random_frames
from gandiag.numerics.slices import sliced_powers
from gandiag.numerics.solvers import exact_wasserstein

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, seed: int = 0, **options: Any) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(seed), **options)


def p_value(real: Matrix, fake: Matrix, seed: int = 0, draws: int = 99, **options: Any) -> float:
    null = measured(real, fake, seed, **options).null
    assert isinstance(null, Relabelling)
    return permutation_null(null, draws=draws, rng=np.random.default_rng(seed)).p_value


@pytest.mark.row(53)
@pytest.mark.parametrize(("d", "k"), [(4, 2), (10, 2), (10, 3), (3, 3)])
def test_a_shift_reads_its_share_of_the_dimensions(d: int, k: int) -> None:
    rng = np.random.default_rng(0)
    x, delta = rng.normal(size=(12, d)), rng.normal(size=d)
    frames = random_frames(d, k, 400, rng)
    found = projected_wasserstein_distance(x, rng.permutation(x + delta), frames)
    lengths = np.square(np.einsum("fdk,d->fk", frames, delta)).sum(axis=1)
    assert found**2 == pytest.approx(lengths.mean(), rel=1e-9)
    expected = k / d * delta @ delta
    assert found**2 == pytest.approx(expected, abs=4 * lengths.std() / 20 + 1e-9)
    # A share of the length in place of its square is another number.
    assert found != pytest.approx(expected / np.linalg.norm(delta), abs=4 * lengths.std() / 20 + 1e-9) or k == d


def test_frames_are_orthonormal_and_uniform() -> None:
    # E V V' = (k / d) I: an entry's standard error over 4000 frames is below 0.006.
    frames = random_frames(5, 2, 4000, np.random.default_rng(1))
    np.testing.assert_allclose(np.einsum("fdk,fdl->fkl", frames, frames), np.tile(np.eye(2), (4000, 1, 1)), atol=1e-12)
    assert np.abs(np.einsum("fdk,fek->de", frames, frames) / 4000 - 0.4 * np.eye(5)).max() < 4 * 0.006
    assert np.abs(frames.mean(axis=0)).max() < 4 * 0.0071
    assert random_frames(3, 7, 2, np.random.default_rng(1)).shape == (2, 3, 3)


@pytest.mark.row(54)
@settings(max_examples=25)
@given(st.integers(2, 8), st.integers(2, 8), st.integers(2, 5), st.sampled_from([1.0, 2.0]), st.integers(0, 10_000))
def test_it_lies_between_the_slices_of_its_frames_and_the_whole_distance(
    n: int, m: int, d: int, p: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.standard_t(2, size=(m, d))
    frames = random_frames(d, 2, 3, rng)
    found = projected_wasserstein_distance(x, y, frames, p)
    whole = exact_wasserstein(x, y, p).distance
    assert found <= whole * (1 + 1e-9)
    assert sliced_powers(x, y, frames[:, :, 0], p).mean() <= found**p * (1 + 1e-9)
    assert projected_wasserstein_distance(y, x, frames, p) == pytest.approx(found, rel=1e-9)
    assert projected_wasserstein_distance(3 * x, 3 * y, frames, p) == pytest.approx(3 * found, rel=1e-9)
    # A frame that stretches is no projection: with twice its length the bound breaks where the data lie in its plane.
    flat = frames[:1]
    in_plane = [side @ flat[0] @ flat[0].T for side in (x, y)]
    assert projected_wasserstein_distance(*in_plane, 2 * flat, p) > exact_wasserstein(*in_plane, p).distance


def test_one_frame_agrees_with_pot_in_its_plane() -> None:
    import ot

    rng = np.random.default_rng(2)
    x, y, frame = rng.normal(size=(20, 6)), rng.normal(size=(30, 6)) + 0.4, random_frames(6, 2, 1, rng)
    a, b = x @ frame[0], y @ frame[0]
    peer = float(ot.emd2([], [], ot.dist(a, b))) ** 0.5
    assert projected_wasserstein_distance(x, y, frame) == pytest.approx(peer, rel=1e-10)
    assert 1.01 * projected_wasserstein_distance(x, y, frame) != pytest.approx(peer, rel=1e-10)


def level(reps: int, **options: Any) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(16, 4)), rng.normal(size=(20, 4))
        count += p_value(x, y, seed, 39, block=8, frames=2, **options) <= 0.05
    return count


def test_the_test_holds_its_level() -> None:
    assert 2 <= level(200) <= 23  # binomial limits at 1e-4


@pytest.mark.slow
def test_the_test_holds_its_level_over_many_repetitions() -> None:
    assert 64 <= level(2000) <= 140


def test_labels_that_leave_their_block_are_not_exchangeable_within_it() -> None:
    """The wrong variant: frames chosen for the fake rows alone reject under equal laws."""
    count = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(20, 4)), rng.normal(size=(20, 4))
        frames = random_frames(4, 2, 30, rng)
        best = max(frames, key=lambda v: projected_wasserstein_distance(x, y, v[None]))
        observed = projected_wasserstein_distance(x, y, best[None])
        pool = np.concatenate([x, y])
        null = []
        for _ in range(39):
            order = rng.permutation(40)
            null.append(projected_wasserstein_distance(pool[order[:20]], pool[order[20:]], best[None]))
        count += (1 + sum(value >= observed for value in null)) / 40 <= 0.05
    assert count > 8


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_it_sees_a_ring_against_a_disc_of_the_same_marginals_in_any_unit(unit: float) -> None:
    # Fake columns are the real ones shuffled apart: every column keeps its law, the plane does not.
    rng = np.random.default_rng(3)
    angle = rng.uniform(0, 2 * np.pi, size=(2, 400))
    ring, other = (np.stack([np.cos(a), np.sin(a)], axis=1) for a in angle)
    other[:, 0] = rng.permutation(other[:, 0])
    assert p_value(unit * ring, unit * other, block=100, frames=4) == 0.01


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_the_bracket_bounds_the_distance_of_a_shift(p: float) -> None:
    # The lower end bounds |delta|; both bracket the projected one, |V' delta| in the mean of p-th powers over frames.
    missed = 0
    rng = np.random.default_rng(4)
    cosines = np.linalg.norm(random_frames(6, 2, 20_000, rng)[:, 0, :], axis=1)
    projected = 1.5 * float((cosines**p).mean() ** (1 / p))
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(160, 6)), rng.normal(size=(160, 6))
        y[:, 0] += 1.5
        found = measured(x, y, seed, p=p, block=20)
        assert found.interval is not None
        assert found.interval.low is not None
        assert found.interval.high is not None
        missed += not found.interval.low <= projected <= found.interval.high
        assert found.interval.low <= 1.5
    assert missed <= 5  # 95 %: more than 5 of 20 with probability 3e-4


def test_small_samples_and_narrow_data_are_answered() -> None:
    rng = np.random.default_rng(5)
    found = measured(rng.normal(size=(2, 1)), rng.normal(size=(1, 1)))
    assert (found.details["block_size"], found.details["blocks"], found.details["k"]) == (1, 1, 1)
    assert "one block" in found.reasons["interval"]
    rows = np.full((12, 3), 0.1)
    assert measured(rows, rows, block=3).estimate == 0.0
    assert p_value(rows, rows, block=3) == 1.0


def test_torch_tensors_give_the_same_distance() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(6)
    x, y, frames = rng.normal(size=(15, 4)), rng.normal(size=(12, 4)), random_frames(4, 2, 3, rng)
    there = projected_wasserstein_distance(torch.tensor(x), torch.tensor(y), frames)
    assert there == pytest.approx(projected_wasserstein_distance(x, y, frames), rel=1e-12)


@pytest.mark.parametrize(("option", "value"), [("k", 0), ("frames", 0), ("block", 0), ("p", 0.5)])
def test_wrong_options_are_refused(option: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"`{option}` must be at least 1"):
        measured(np.ones((4, 2)), np.ones((4, 2)), **{option: value})
