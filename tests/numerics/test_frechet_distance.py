"""The Fréchet distance from features: peers and what they get wrong, precision, streams, devices."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.errors import ConfigError, DtypeError, NonFiniteError, ShapeError, TooFewSamplesError
from gandiag.numerics.frechet_distance import distance_of_rows, frechet_distance, frechet_from_moments
from gandiag.numerics.moments import Moments

Matrix = NDArray[np.float64]

D = 48


def features(n: int = 400, m: int = 300, d: int = D, seed: int = 0) -> tuple[Matrix, Matrix]:
    """Correlated features with a falling spectrum, two laws."""
    rng = np.random.default_rng(seed)
    mix, _ = np.linalg.qr(rng.normal(size=(d, d)))
    spectrum = np.arange(1, d + 1) ** -0.5
    return (rng.normal(size=(n, d)) * spectrum) @ mix, (1.1 * rng.normal(size=(m, d)) * spectrum) @ mix + 0.05


def torch_fidelity_distance(real: NDArray[np.floating], fake: NDArray[np.floating]) -> float:
    """Let torch-fidelity turn features into its FID."""
    torch = pytest.importorskip("torch")
    peer = pytest.importorskip("torch_fidelity.metric_fid")
    states = [peer.fid_features_to_statistics(torch.from_numpy(side)) for side in (real, fake)]
    return float(peer.fid_statistics_to_metric(*states, False)["frechet_inception_distance"])


def exact(real: Matrix, fake: Matrix) -> float:
    """Compute the distance with 40 digits."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(40):
        sides = []
        for rows in (real, fake):
            matrix = mpmath.matrix(rows.tolist())
            means = [mpmath.fsum(matrix[:, j]) / len(rows) for j in range(rows.shape[1])]
            centred = mpmath.matrix(len(rows), rows.shape[1])
            for i in range(len(rows)):
                for j in range(rows.shape[1]):
                    centred[i, j] = (matrix[i, j] - means[j]) / mpmath.sqrt(len(rows) - 1)
            sides.append((means, centred))
        (mean1, x), (mean2, y) = sides
        trace = mpmath.fsum(mpmath.svd_r(x * y.T, compute_uv=False))
        squares = mpmath.fsum(v**2 for v in list(x) + list(y))
        return float(mpmath.fsum((a - b) ** 2 for a, b in zip(mean1, mean2, strict=True)) + squares - 2 * trace)


@pytest.mark.usefixtures("torchvision_schemas")
@pytest.mark.differential("D02")
def test_d02_it_agrees_with_torch_fidelity_and_an_error_of_a_hundredth_does_not() -> None:
    real, fake = features()
    expected = torch_fidelity_distance(real, fake)
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-8)
    assert 1.01 * frechet_distance(real, fake) != pytest.approx(expected, rel=1e-8)


@pytest.mark.usefixtures("torchvision_schemas")
@pytest.mark.parametrize(("n", "m"), [(20, 20), (20, 300), (48, 49)])
@pytest.mark.differential("D03")
def test_d03_few_rows_agree_within_the_peers_noise(n: int, m: int) -> None:
    real, fake = features(n, m)
    expected = torch_fidelity_distance(real, fake)
    spread = float(np.trace(np.cov(real, rowvar=False)) + np.trace(np.cov(fake, rowvar=False)))
    assert frechet_distance(real, fake) == pytest.approx(expected, abs=1e-6 * spread)
    assert 1.01 * frechet_distance(real, fake) != pytest.approx(expected, abs=1e-6 * spread)


def degenerate(kind: str) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Inputs on which public implementations lose digits, or fail."""
    real, fake = features(24, 20, d=6)
    cases: dict[str, tuple[Matrix, Matrix]] = {
        "regular": (real, fake),
        "constant fake": (real, np.full_like(fake, 0.3)),
        "fewer rows than columns": (real[:4], fake[:5]),
        "constant columns": tuple(np.where(np.arange(6) < 2, 0.1, side) for side in (real, fake)),  # type: ignore[dict-item]
        "few rows repeated": (np.repeat(real[:4], 5, axis=0), np.repeat(fake[:4], 5, axis=0)),
        "equal": (real, real.copy()),
        "two rows": (real[:2], fake[:2]),
    }
    return cases[kind]


# The cut route sets eigenvalues below eps d to 0, which leaves about sqrt(eps) of a trace that is no difference.
@pytest.mark.parametrize(
    ("kind", "rel"),
    [
        ("regular", 1e-12),
        ("constant fake", 1e-12),
        ("fewer rows than columns", 1e-12),
        ("constant columns", 1e-7),
        ("few rows repeated", 1e-7),
        ("equal", 1e-9),
        ("two rows", 1e-12),
    ],
)
def test_degenerate_input_gives_the_exact_number(kind: str, rel: float) -> None:
    real, fake = degenerate(kind)
    expected = exact(real, fake)
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=rel, abs=1e-9)
    if kind != "equal":
        assert 1.0001 * frechet_distance(real, fake) != pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.usefixtures("torchvision_schemas")
def test_far_from_the_origin_float32_features_give_what_is_stored_where_the_peer_is_a_fifth_off() -> None:
    real, fake = (side.astype(np.float32) + np.float32(1e4) for side in features(8000, 8000))
    expected = frechet_distance(real.astype(np.float64), fake.astype(np.float64))
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(real, fake, precision="double") == pytest.approx(expected, rel=1e-11)
    # np.mean of float32 columns sums in float32: torch-fidelity, pytorch-fid and clean-fid do.
    assert abs(torch_fidelity_distance(real, fake) / expected - 1.0) > 0.01
    assert torch_fidelity_distance(real.astype(np.float64), fake.astype(np.float64)) == pytest.approx(
        expected, rel=1e-6
    )


@pytest.mark.parametrize("n", [30, 9000])
def test_float32_features_err_by_their_rounding_alone(n: int) -> None:
    real, fake = (side.astype(np.float32) for side in features(n, n))
    expected = frechet_distance(real.astype(np.float64), fake.astype(np.float64))
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(real, fake, precision="double") == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n", [30, 200])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_features_are_at_distance_zero(n: int, dtype: type) -> None:
    real = features(n)[0].astype(dtype)
    for offset in (0.0, 1e4):
        rows = real + dtype(offset)
        assert frechet_distance(rows, rows.copy()) < 1e-9


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
@pytest.mark.parametrize(("n", "m"), [(30, 40), (400, 300)])
@pytest.mark.differential("D24")
def test_tensors_give_the_number_of_arrays(device: str, n: int, m: int) -> None:
    torch = pytest.importorskip("torch")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    pair = features(n, m)
    for dtype, rel in ((np.float64, 1e-9), (np.float32, 1e-6)):
        arrays = [side.astype(dtype) for side in pair]
        tensors = [torch.from_numpy(side).to(device) for side in arrays]
        assert frechet_distance(*tensors) == pytest.approx(frechet_distance(*arrays), rel=rel)
        assert 1.01 * frechet_distance(*tensors) != pytest.approx(frechet_distance(*arrays), rel=rel)
    assert distance_of_rows(*tensors).route == distance_of_rows(*arrays).route


def test_streams_of_blocks_give_the_same_number() -> None:
    real, fake = (side.astype(np.float32) for side in features())
    states = [Moments.empty(D) for _ in range(2)]
    for start in range(0, 400, 64):
        states = [s.update(rows[start : start + 64]) for s, rows in zip(states, (real, fake), strict=True)]
    assert frechet_from_moments(*states) == pytest.approx(frechet_distance(real, fake), rel=1e-6)


def test_an_input_is_not_written_to_and_its_layout_does_not_matter() -> None:
    real, fake = features(70, 60)
    real.setflags(write=False)
    expected = frechet_distance(real, fake)
    assert frechet_distance(np.asfortranarray(real), fake) == pytest.approx(expected, rel=1e-12)
    assert frechet_distance(np.repeat(real, 2, axis=1)[:, ::2], fake) == pytest.approx(expected, rel=1e-12)


def test_what_are_no_features_is_refused() -> None:
    rows = np.ones((5, 3))
    holed = rows.copy()
    holed[3, 1] = np.nan
    with pytest.raises(ShapeError, match=r"`fake` must be a matrix of shape \(n, d\); got shape \(5,\)"):
        frechet_distance(rows, rows[:, 0])
    with pytest.raises(ShapeError, match="same number of columns; got 3 and 2"):
        frechet_distance(rows, rows[:, :2])
    with pytest.raises(DtypeError, match="`real` must hold float32 or float64; got int64"):
        frechet_distance(rows.astype(np.int64), rows)
    with pytest.raises(TooFewSamplesError, match="at least 2 rows of `fake`; got 1"):
        frechet_distance(rows, rows[:1])
    for side in (holed, np.where(np.isnan(holed), np.inf, holed)):
        with pytest.raises(NonFiniteError, match="`fake` must be finite; got 1 of rows 0 to 4 with NaN or infinity"):
            frechet_distance(rows, side)
    with pytest.raises(ConfigError, match="`precision` must be one of stored, double; got single"):
        frechet_distance(rows, rows, precision="single")  # type: ignore[arg-type]
