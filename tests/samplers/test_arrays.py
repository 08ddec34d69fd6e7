"""Arrays, tensors, lists, frames and sample sets: kinds, layouts, ranges, copies, draws and thinning."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gandiag.core.classes import class_code
from gandiag.core.dependence import dependence_stride
from gandiag.core.samples import KnownModes, SampleSet
from gandiag.errors import (
    ConfigError,
    DtypeError,
    NonFiniteError,
    RangeError,
    SamplerExhausted,
    ShapeError,
    TooFewSamplesError,
)
from gandiag.sources import open_sampler

X = np.random.default_rng(0).normal(size=(120, 3))


def draw(source: object, n: int = 20, seed: int = 1, **options: object) -> SampleSet:
    return open_sampler(source, **options).sample(n, rng=np.random.default_rng(seed))


def chain(n: int) -> np.ndarray:
    noise = np.random.default_rng(3).standard_normal((n, 2))
    rows = noise.copy()
    for i in range(1, n):
        rows[i] = 0.8 * rows[i - 1] + 0.6 * noise[i]
    return rows


@pytest.mark.parametrize(
    "source",
    [
        X,
        X.tolist(),
        np.asfortranarray(X),
        X[::-1][::-1],
        torch.tensor(X),
        torch.tensor(X, requires_grad=True),
        [torch.tensor(row) for row in X],
        X.astype(">f8"),
        list(X),
        SampleSet(values=X.copy()),
    ],
    ids=["array", "list", "fortran", "view", "tensor", "grad", "list of tensors", "big endian", "rows", "sample set"],
)
def test_the_same_rows_arrive_whatever_holds_them(source: object) -> None:
    samples = draw(source)
    np.testing.assert_array_equal(samples.values, draw(X).values)
    assert samples.kind == "vector"
    assert samples.lag == 1
    assert not samples.values.flags.writeable


def test_b22_bfloat16_widens_exactly() -> None:
    tensor = torch.tensor(X).bfloat16()
    np.testing.assert_array_equal(draw(tensor).values, draw(tensor.float().numpy()).values)


def test_a_data_frame_is_read_through_to_numpy() -> None:
    class DataFrame:
        shape = (120, 3)

        def to_numpy(self) -> np.ndarray:
            return X

        def sample(self, n: int) -> None:
            raise AssertionError

    np.testing.assert_array_equal(draw(DataFrame()).values, draw(X).values)


def test_rows_are_drawn_without_replacement_in_random_order() -> None:
    rows = draw(X, 120).values
    assert not np.array_equal(rows, X)
    np.testing.assert_array_equal(np.unique(rows, axis=0), np.unique(X, axis=0))
    prefix = {tuple(row) for row in draw(X, 20).values} - {tuple(row) for row in X[:20]}
    assert prefix


def test_one_seed_gives_one_draw_and_another_seed_another() -> None:
    np.testing.assert_array_equal(draw(X, seed=5).values, draw(X, seed=5).values)
    assert not np.array_equal(draw(X, seed=5).values, draw(X, seed=6).values)


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_arrays_do_not_depend_on_the_batch_size(batch_size: int) -> None:
    np.testing.assert_array_equal(draw(X, batch_size=batch_size).values, draw(X).values)


def test_b34_an_array_overwritten_after_opening_changes_nothing() -> None:
    mine = X.copy()
    sampler = open_sampler(mine)
    mine[:] = 0.0
    np.testing.assert_array_equal(sampler.sample(20, rng=np.random.default_rng(1)).values, draw(X).values)


def test_labels_follow_their_rows() -> None:
    labels = np.arange(120)
    for source, options in (((X, labels), {}), (X, {"labels": labels}), ((torch.tensor(X), torch.tensor(labels)), {})):
        samples = draw(source, **options)
        np.testing.assert_array_equal(X[samples.labels], samples.values)


def test_names_as_labels_become_the_numbers_of_their_names() -> None:
    names = ["dog", "cat", "dog", "ant"]
    samples = draw(X[:4], 4, labels=names, seed=0)
    order = np.random.default_rng(0).permutation(4)
    np.testing.assert_array_equal(
        samples.labels, np.array([class_code(n) for n in ("dog", "cat", "dog", "ant")])[order]
    )


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ((X, np.arange(7)), {}, r"tuple must be \(values, labels\)"),
        (X, {"latent": "normal:3"}, "`latent` has no meaning for arrays"),
        (X, {"lag": 0}, "`lag` must be a whole number of at least 1; got 0"),
        (X, {"batch_size": True}, "`batch_size` must be a whole number"),
        (X, {"value_range": (1, 0)}, "`value_range` must be two increasing finite numbers"),
        (X, {"kind": "picture"}, "`kind` must be one of discrete, image, vector; got picture"),
        (X, {"layout": "chw"}, "`layout` must be one of"),
        (X, {"timeout": -1}, "`timeout` must be a number of seconds above 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(source: object, options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_sampler(source, **options)


@pytest.mark.parametrize("n", [0, -1, 2.5, "3", True])
def test_a_number_of_samples_must_be_a_positive_whole_number(n: object) -> None:
    with pytest.raises(ConfigError, match="number of samples must be a whole number of at least 1"):
        open_sampler(X).sample(n, rng=np.random.default_rng(0))


ZOO = [
    ("B01-nan", np.where(np.arange(120)[:, None] == 90, np.nan, X), NonFiniteError, r"1 of 120 rows.*first rows 90"),
    (
        "B01-inf",
        np.where(np.arange(120)[:, None] > 110, np.inf, X),
        NonFiniteError,
        r"9 of 120 .*111, 112, 113, 114, 115, …",
    ),
    ("B02-empty", np.zeros((0, 3)), TooFewSamplesError, "at least one sample; got 0 rows"),
    ("B02-empty-list", [], TooFewSamplesError, "at least one sample; got an empty list"),
    ("B22-complex", X.astype(complex), DtypeError, r"real numbers .*complex128.*split complex"),
    ("B22-complex-tensor", torch.tensor(X).to(torch.complex64), DtypeError, r"real numbers.*complex64"),
    ("B22-object", np.array([["a", 1]], dtype=object), DtypeError, "real numbers.*object"),
    ("B22-text", ["a", "b"], DtypeError, "real numbers"),
    ("B22-records", np.zeros(3, dtype=[("a", "f8")]), DtypeError, "real numbers"),
    ("B24-ragged", [np.zeros((8, 8)), np.zeros((9, 8)), np.zeros((8, 8))], ShapeError, "got 2 of 8×8, 1 of 9×8"),
    ("B24-ragged-tensors", [torch.zeros(3), torch.zeros(4)], ShapeError, "got 1 of 3, 1 of 4. Resize"),
    ("B24-ambiguous", np.zeros((5, 3, 8, 3)), ShapeError, r'shape \(5, 3, 8, 3\). Say layout="channels_first"'),
    ("B24-two-channels", np.zeros((5, 8, 8, 2)), ShapeError, "1, 3 or 4 long"),
    ("B24-five-axes", np.zeros((5, 1, 1, 1, 1)), ShapeError, r"\(n, h, w, c\); got shape \(5, 1, 1, 1, 1\)"),
    ("B30-scalar", np.float64(3.0), ShapeError, "one sample per row"),
    ("B30-masked", np.ma.masked_greater(X, 1.0), NonFiniteError, "no missing values; got .* masked values"),
]


@pytest.mark.parametrize(("source", "error", "message"), [z[1:] for z in ZOO], ids=[z[0] for z in ZOO])
def test_unfit_arrays_are_refused(source: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        draw(source, 1)


def test_b33_more_rows_than_there_are_is_exhausted() -> None:
    with pytest.raises(SamplerExhausted, match=r"fewer samples than were asked for; got 120 of 121.*never drawn twice"):
        draw(X, 121)


def test_one_value_per_sample_becomes_a_column_with_a_note() -> None:
    samples = draw(np.random.default_rng(0).normal(size=100))
    assert samples.values.shape == (20, 1)
    assert samples.kind == "vector"
    assert "single vector column" in samples.notes[0]
    counts = draw(np.random.default_rng(0).integers(0, 9, 100))
    assert counts.kind == "discrete"
    assert counts.values.dtype == np.int64


def test_discrete_can_be_declared_and_must_be_whole() -> None:
    whole = np.random.default_rng(0).integers(0, 9, (100, 2)).astype(float)
    assert draw(whole, kind="discrete").kind == "discrete"
    with pytest.raises(DtypeError, match="discrete samples of array must be whole numbers"):
        draw(X, kind="discrete")


@pytest.mark.parametrize(
    ("shape", "layout", "stored"),
    [
        ((50, 6, 5), None, (6, 5)),
        ((50, 3, 6, 5), None, (6, 5, 3)),
        ((50, 6, 5, 3), None, (6, 5, 3)),
        ((50, 1, 6, 5), None, (6, 5)),
        ((50, 6, 5, 1), None, (6, 5)),
        ((50, 1, 6, 1), "channels_first", (6, 1)),
        ((50, 1, 6, 1), "channels_last", (1, 6)),
        ((50, 3, 6, 3), "channels_first", (6, 3, 3)),
        ((50, 3, 6, 3), "channels_last", (3, 6, 3)),
        ((50, 2, 6, 5), "channels_first", (6, 5, 2)),
    ],
)
def test_b24_images_are_stored_channels_last(shape: tuple, layout: str | None, stored: tuple) -> None:
    values = np.random.default_rng(0).random(shape)
    samples = draw(values, 50, layout=layout)
    assert samples.kind == "image"
    assert samples.shape == stored
    moved = np.moveaxis(values, 1, -1) if layout != "channels_last" and shape[1] in (1, 2, 3) else values
    expected = moved[np.random.default_rng(1).permutation(50)].reshape(50, *stored)
    np.testing.assert_array_equal(samples.values, expected)
    assert ("the axis of the single channel was left out: grey" in samples.notes) == (1 in shape[1:])


def test_images_can_be_declared_vectors_and_flat_rows_not_images() -> None:
    assert draw(np.random.default_rng(0).random((50, 4, 4)), kind="vector").shape == (16,)
    with pytest.raises(ShapeError, match=r"must have shape \(n, h, w\).*Reshape the rows to images"):
        draw(X, kind="image")


@pytest.mark.parametrize(
    ("values", "expected", "how"),
    [
        (np.random.default_rng(0).integers(0, 200, (50, 4, 4)).astype(np.uint8), (0, 255), "dtype"),
        (np.random.default_rng(0).integers(0, 200, (50, 4, 4)).astype(np.uint16), (0, 65535), "dtype"),
        (np.random.default_rng(0).integers(0, 200, (50, 4, 4)), (0, 255), "detected"),
        (np.random.default_rng(0).random((50, 4, 4)), (0, 1), "detected"),
        (np.random.default_rng(0).uniform(-1, 1, (50, 4, 4)), (-1, 1), "detected"),
        (np.random.default_rng(0).random((50, 4, 4)) > 0.5, (0, 1), "dtype"),
        (np.random.default_rng(0).uniform(-2, 2, (50, 4, 4)), None, ""),
    ],
)
def test_b23_ranges_of_images_are_known_or_detected(values: np.ndarray, expected: object, how: str) -> None:
    samples = draw(values)
    assert samples.value_range == expected
    assert samples.extra["value_range"] == how
    if values.dtype.kind == "u":
        assert samples.values.dtype == values.dtype


@pytest.mark.parametrize(
    ("values", "declared", "message"),
    [
        (
            np.full((5, 4, 4), 1.01),
            (0, 1),
            r"\[0, 1\]; got 80 values outside, from 1.01 to 1.01.*value_range=\(0, 255\)",
        ),
        (np.full((5, 4, 4), 7, np.uint8), (0, 1), r"\[0, 1\]; got 80 values outside, from 7 to 7"),
        (np.full((5, 2), -0.5), (0, 1), r"never clipped. Did you mean value_range=\(-1, 1\)"),
    ],
)
def test_b23_values_outside_the_declared_range_are_refused(values: np.ndarray, declared: tuple, message: str) -> None:
    with pytest.raises(RangeError, match=message):
        draw(values, 5, value_range=declared)


def test_b23_unit_floats_declared_as_bytes_are_noted() -> None:
    samples = draw(np.random.default_rng(0).random((50, 4, 4)), value_range=(0, 255))
    assert any("did you mean value_range=(0, 1)" in note for note in samples.notes)


def test_b17_a_dependent_array_is_thinned_in_file_order_with_a_note() -> None:
    rows = chain(2000)
    sampler = open_sampler(rows)
    assert 50 <= sampler.size < 400
    samples = sampler.sample(sampler.size, rng=np.random.default_rng(0))
    where = np.sort([np.flatnonzero((rows == row).all(axis=1))[0] for row in samples.values])
    assert len(set(np.diff(where))) == 1
    assert np.diff(where)[0] == sampler.lag
    assert sampler.size == -(-2000 // sampler.lag)
    assert samples.lag == 1
    assert "Declare lag=1 where rows are independent and only sorted" in samples.notes[0]
    assert dependence_stride(rows[where])[0] == 1


def test_b17_a_short_dependent_array_is_kept_whole_and_says_its_lag() -> None:
    samples = draw(chain(150), 150)
    assert samples.lag > 1
    assert "thinning would leave too few" in samples.notes[0]


def test_b17_declaring_lag_one_keeps_every_row() -> None:
    sampler = open_sampler(chain(2000), lag=1)
    assert sampler.size == 2000
    assert sampler.sample(10, rng=np.random.default_rng(0)).lag == 1


def test_a_declared_lag_thins_without_measuring() -> None:
    assert open_sampler(np.random.default_rng(0).normal(size=(1000, 2)), lag=4).size == 250


def test_rows_sorted_by_class_are_measured_within_the_largest_class() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [100, 120, 80])
    rows = rng.normal(size=(300, 2)) + 50.0 * labels[:, None]
    assert open_sampler((rows, labels)).lag == 1
    assert open_sampler(rows).lag > 1


def test_sample_sets_keep_what_is_known_about_them() -> None:
    modes = KnownModes(centres=np.zeros((1, 3)), covariances=np.eye(3)[None], weights=np.ones(1))
    known = SampleSet(
        values=X.copy(), labels=np.arange(120), value_range=(-9.0, 9.0), modes=modes, lag=1, source="mine", notes=("a",)
    )
    sampler = open_sampler(known)
    samples = sampler.sample(10, rng=np.random.default_rng(0))
    assert (sampler.name, samples.source, samples.value_range, samples.lag) == ("mine", "mine", (-9.0, 9.0), 1)
    assert samples.modes is modes
    assert samples.notes == ("a",)
    np.testing.assert_array_equal(X[samples.labels], samples.values)


@given(
    st.integers(1, 40).flatmap(
        lambda n: st.tuples(st.just(n), st.integers(1, 3), st.integers(1, n), st.integers(0, 99))
    )
)
def test_any_draw_is_a_set_of_distinct_rows_of_the_array(case: tuple[int, int, int, int]) -> None:
    rows, d, n, seed = case
    values = np.arange(rows * d, dtype=float).reshape(rows, d)
    drawn = draw(values, n, seed, lag=1).values
    places = drawn[:, 0] / d
    assert len(set(places)) == n
    np.testing.assert_array_equal(values[places.astype(int)], drawn)
