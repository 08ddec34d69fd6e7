"""Ball counts and the four scores against brute force and the prdc package, with offsets, duplicates and ties."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.numerics.balls import ball_counts, neighbourhoods
from gandiag.numerics.neighbours import TIE, knn_radii

Matrix = NDArray[np.float64]


def counted_by_loops(centres: Matrix, radii: Matrix, points: Matrix, ties: str) -> tuple[list[int], list[int]]:
    per_centre, per_point = [0] * len(centres), [0] * len(points)
    for i, centre in enumerate(centres):
        for j, point in enumerate(points):
            distance = float(np.sqrt(np.square(centre - point).sum()))
            if distance < radii[i] or (ties == "closed" and distance == radii[i]):
                per_centre[i] += 1
                per_point[j] += 1
    return per_centre, per_point


@pytest.mark.parametrize("ties", ["closed", "prdc"])
@pytest.mark.parametrize("lattice", [True, False])
def test_ball_counts_equal_a_double_loop(ties: str, lattice: bool) -> None:
    rng = np.random.default_rng(2)
    draw = (lambda *s: rng.integers(0, 4, s).astype(float)) if lattice else (lambda *s: rng.normal(size=s))
    for _ in range(10):
        centres, points = draw(25, 2), draw(30, 2)
        radii = knn_radii(centres, 3)
        found = ball_counts(centres, radii, points, ties)  # type: ignore[arg-type]
        expected = counted_by_loops(centres, radii, points, ties)
        assert found[0].tolist() == expected[0]
        assert found[1].tolist() == expected[1]


def test_closed_and_open_balls_differ_on_a_lattice() -> None:
    centres = np.arange(6.0)[:, None]
    radii = knn_radii(centres, 1)
    assert ball_counts(centres, radii, centres + 1.0)[0].sum() == 1 + 2 + 4 * 3  # itself and both sides
    assert ball_counts(centres, radii, centres + 1.0, "prdc")[0].sum() == 5


def test_ball_counts_survive_a_far_offset_and_many_tiles() -> None:
    rng = np.random.default_rng(3)
    centres, points = rng.integers(0, 30, (600, 2)).astype(float), rng.integers(0, 30, (500, 2)).astype(float)
    radii = knn_radii(centres, 4)
    near = ball_counts(centres, radii, points)
    far = ball_counts(centres + 1e7, knn_radii(centres + 1e7, 4), points + 1e7)
    np.testing.assert_array_equal(near[0], far[0])
    np.testing.assert_array_equal(near[1], far[1])


def sides_of(kind: str, rng: np.random.Generator) -> tuple[Matrix, Matrix]:
    """Two sides of more than one tile each."""
    real, fake = rng.normal(size=(2100, 20)), 1.1 * rng.normal(size=(800, 20))
    if kind == "lattice":
        return np.rint(real[:, :3] * 2), np.rint(fake[:, :3] * 2)
    if kind == "duplicates":
        real[500:1500], fake[:600] = real[:1000], real[:600]
    if kind == "equal":
        return np.full((2100, 20), 0.3), np.full((800, 20), 0.3)
    if kind == "tight clusters":
        centres = rng.normal(size=(5, 20))
        return (centres[rng.integers(5, size=n)] + 1e-6 * rng.normal(size=(n, 20)) for n in (2100, 800))  # type: ignore[return-value]
    if kind == "outlier":
        real[0] *= 1e9
    offset = float(kind) if kind[0].isdigit() else 0.0
    return real + offset, fake + offset


def by_differences(real: Matrix, fake: Matrix, k: int, ties: str) -> list[Matrix]:
    from scipy.spatial.distance import cdist

    radii = []
    for rows in (real, fake):
        own = cdist(rows, rows)
        np.fill_diagonal(own, np.inf)
        radii.append(np.partition(own, k - 1, axis=1)[:, k - 1])
    across, edge = cdist(real, fake), 1 + TIE if ties == "closed" else 1 - TIE
    limits = radii[0][:, None] * edge, radii[1][None, :] * edge
    held, reached = (across <= limit if ties == "closed" else across < limit for limit in limits)
    return [*radii, held.sum(axis=1), held.sum(axis=0), reached.sum(axis=1)]


KINDS = ["0", "100", "1e4", "lattice", "duplicates", "equal", "tight clusters", "outlier"]


@pytest.mark.parametrize("ties", ["closed", "prdc"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_pass_has_the_counts_of_differences_in_double_precision(kind: str, ties: str) -> None:
    real, fake = sides_of(kind, np.random.default_rng(5))
    found = neighbourhoods(real, fake, 5, ties)  # type: ignore[arg-type]
    expected = by_differences(real, fake, 5, ties)
    np.testing.assert_allclose(found.real_radii, expected[0], rtol=1e-12, atol=0)
    np.testing.assert_allclose(found.fake_radii, expected[1], rtol=1e-12, atol=0)
    np.testing.assert_array_equal(found.held, expected[2])
    np.testing.assert_array_equal(found.around, expected[3])
    np.testing.assert_array_equal(found.reached, expected[4])
    np.testing.assert_array_equal(knn_radii(real, 5), found.real_radii)
    np.testing.assert_array_equal(ball_counts(real, found.real_radii, fake, ties)[0], found.held)  # type: ignore[arg-type]


def test_the_counts_of_plain_single_precision_are_wrong_far_from_the_origin() -> None:
    """What the centring is for: the same expansion in single precision without it miscounts at an offset of 100."""
    real, fake = sides_of("100", np.random.default_rng(5))
    expected = by_differences(real, fake, 5, "closed")
    a, b = real.astype(np.float32), fake.astype(np.float32)
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None, :] - 2 * a @ b.T
    assert not np.array_equal((squares <= np.square(expected[0])[:, None]).sum(axis=1), expected[2])


@pytest.mark.parametrize("kind", ["1e4", "lattice", "duplicates"])
def test_torch_tensors_give_the_same_counts(kind: str) -> None:
    torch = pytest.importorskip("torch")
    real, fake = sides_of(kind, np.random.default_rng(6))
    ours, theirs = neighbourhoods(real, fake), neighbourhoods(torch.from_numpy(real), torch.from_numpy(fake))
    for name in ("held", "around", "reached"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    np.testing.assert_allclose(ours.real_radii, theirs.real_radii, rtol=1e-14, atol=0)


@pytest.mark.cuda
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_gives_the_same_counts(kind: str) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    real, fake = sides_of(kind, np.random.default_rng(6))
    ours, theirs = neighbourhoods(real, fake), neighbourhoods(*(torch.from_numpy(x).cuda() for x in (real, fake)))
    for name in ("held", "around", "reached"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    np.testing.assert_allclose(ours.real_radii, theirs.real_radii, rtol=1e-14, atol=0)


@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_scales_far_from_one_change_nothing(factor: float) -> None:
    rng = np.random.default_rng(7)
    real, fake = rng.normal(size=(300, 20)), rng.normal(size=(280, 20))
    near, far = neighbourhoods(real, fake), neighbourhoods(real * factor, fake * factor)
    np.testing.assert_array_equal(near.around, far.around)
    np.testing.assert_array_equal(near.reached, far.reached)
    np.testing.assert_allclose(far.real_radii / factor, near.real_radii, rtol=1e-12)


def quiet_prdc(real: Matrix, fake: Matrix, k: int) -> dict[str, float]:
    import contextlib
    import io

    prdc = pytest.importorskip("prdc")
    with contextlib.redirect_stdout(io.StringIO()):
        return {name: float(value) for name, value in prdc.compute_prdc(real, fake, k).items()}


def check_prdc(real: Matrix, fake: Matrix, k: int, ties: str, *, planted: float = 0.0) -> None:
    """Counts are equal, so the four shares are, up to the rounding of one division."""
    found = neighbourhoods(real, fake, k, ties)  # type: ignore[arg-type]
    for name, value in quiet_prdc(real, fake, k).items():
        assert getattr(found, name) == pytest.approx(value * (1.0 + planted), abs=1e-12), name


@pytest.mark.parametrize("ties", ["closed", "prdc"])
@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.differential("D08")
def test_continuous_data_score_as_in_the_prdc_package(ties: str, k: int) -> None:
    rng = np.random.default_rng(8)
    real, fake = rng.normal(size=(400, 6)), rng.normal(size=(300, 6)) * 1.2 + 0.3
    check_prdc(real, fake, k, ties)
    with pytest.raises(AssertionError, match="precision"):
        check_prdc(real, fake, k, ties, planted=0.01)
    swapped = neighbourhoods(fake, real, k, ties)  # type: ignore[arg-type]
    assert swapped.precision != pytest.approx(quiet_prdc(real, fake, k)["precision"], abs=1e-3)


def test_tied_data_score_as_in_the_prdc_package_under_its_rule_only() -> None:
    """A lattice of whole numbers: squared distances are exact in both, so ties are ties."""
    rng = np.random.default_rng(9)
    real, fake = rng.integers(0, 12, size=(300, 2)).astype(float), rng.integers(0, 14, size=(300, 2)).astype(float)
    check_prdc(real, fake, 5, "prdc")
    with pytest.raises(AssertionError, match="precision"):
        check_prdc(real, fake, 5, "closed")


def test_all_equal_rows_under_both_rules() -> None:
    rows = np.full((50, 3), 0.7)
    closed, theirs = neighbourhoods(rows, rows.copy()), neighbourhoods(rows, rows.copy(), 5, "prdc")
    assert (closed.precision, closed.recall, closed.density, closed.coverage) == (1.0, 1.0, 10.0, 1.0)
    assert (theirs.precision, theirs.recall, theirs.density, theirs.coverage) == (0.0, 0.0, 0.0, 0.0)
    assert quiet_prdc(rows, rows.copy(), 5) == dict.fromkeys(("precision", "recall", "density", "coverage"), 0.0)


@pytest.mark.row(67)
def test_four_points_and_two() -> None:
    found = neighbourhoods(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[0.4], [10.0]]), k=1)
    assert found.real_radii.tolist() == [1.0] * 4
    assert (found.precision, found.density, found.coverage, found.recall) == (0.5, 1.0, 0.5, 1.0)


@pytest.mark.slow
@pytest.mark.row(69)
def test_published_values_in_a_thousand_dimensions() -> None:
    """The check of the prdc package's authors: two normal samples of 10 000, k = 5 (0.477, 0.471, 1.056, 0.974).

    Within 0.02, and density within 0.06: hubs mean that few rows carry much of it.
    """
    rng = np.random.default_rng(8)
    found = neighbourhoods(rng.normal(size=(10_000, 1000)), rng.normal(size=(10_000, 1000)))
    assert found.precision == pytest.approx(0.477, abs=0.02)
    assert found.recall == pytest.approx(0.471, abs=0.02)
    assert found.density == pytest.approx(1.056, abs=0.06)
    assert found.coverage == pytest.approx(0.974, abs=0.02)
