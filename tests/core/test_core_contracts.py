"""Streams, results, samples, comparisons, catalogs and errors: the promises that everything else leans on."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from gandiag import errors
from gandiag.core.checks import as_matrix, require_one_of
from gandiag.core.comparison import Comparison
from gandiag.core.results import OPTIONAL_FIELDS, Floor, Result
from gandiag.core.rng import stream
from gandiag.core.samples import SampleSet
from gandiag.core.specs import METRICS
from gandiag.errors import (
    ConfigError,
    DtypeError,
    GandiagError,
    NonFiniteError,
    NumericalError,
    ShapeError,
    TooFewSamplesError,
    UnknownName,
)


def blank_result(**changes: object) -> Result:
    fields = {
        "metric": "energy",
        "estimate": 1.0,
        "kind": "estimate",
        "direction": "lower",
        "unit": "u",
        "reasons": dict.fromkeys(OPTIONAL_FIELDS, "not asked"),
    }
    return Result(**(fields | changes))  # type: ignore[arg-type]


class TestStreams:
    def test_a_stream_is_keyed_by_its_names_and_seed(self) -> None:
        draws = {key: stream(*key).random() for key in [(0, "a"), (0, "b"), (1, "a"), (0, "a", "b"), (0, "ab")]}
        assert len(set(draws.values())) == 5

    def test_a_stream_is_the_same_in_a_new_process_with_another_hash_seed(self) -> None:
        code = "from gandiag.core.rng import stream; print(stream(3, 'metric', 'mmd').integers(2**62))"
        env = {"PYTHONHASHSEED": "77", "PATH": "/usr/bin:/bin"}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
        assert int(done.stdout) == stream(3, "metric", "mmd").integers(2**62)

    @pytest.mark.parametrize("seed", [-1, 1.5, True, "0"])
    def test_a_bad_seed_is_refused(self, seed: object) -> None:
        with pytest.raises(ConfigError, match="whole number of at least 0"):
            stream(seed, "a")  # type: ignore[arg-type]


class TestResults:
    @pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
    def test_a_non_finite_number_is_never_stored(self, bad: float) -> None:
        with pytest.raises(NumericalError, match=r"result\.estimate"):
            blank_result(estimate=bad)
        with pytest.raises(NumericalError, match=r"floor\.sd"):
            blank_result(floor=Floor(mean=0.0, sd=bad, source="x"))
        with pytest.raises(NumericalError, match=r"details\.curve\[1\]"):
            blank_result(details={"curve": [0.0, bad]})

    def test_an_absent_field_needs_a_reason(self) -> None:
        with pytest.raises(NumericalError, match="absent `interval` must have a reason"):
            blank_result(reasons={name: "x" for name in OPTIONAL_FIELDS if name != "interval"})

    def test_a_result_is_frozen(self) -> None:
        with pytest.raises(FrozenInstanceError, match="estimate"):
            blank_result().estimate = 2.0  # type: ignore[misc]


class TestSamples:
    def test_samples_are_read_only(self) -> None:
        samples = SampleSet(values=np.zeros((3, 2)))
        with pytest.raises(ValueError, match="read-only"):
            samples.values[0, 0] = 1.0

    def test_one_axis_is_refused(self) -> None:
        with pytest.raises(ShapeError, match=r"x\[:, None\]"):
            SampleSet(values=np.zeros(5))

    def test_non_finite_rows_are_named(self) -> None:
        values = np.zeros((10, 2))
        values[[4, 7], 1] = np.nan
        with pytest.raises(NonFiniteError, match=r"2 of 10 rows with NaN or infinity \(first rows 4, 7\)"):
            SampleSet(values=values, source="x")

    def test_opposite_infinities_do_not_cancel(self) -> None:
        values = np.zeros((4, 2))
        values[1] = [np.inf, -np.inf]
        with pytest.raises(NonFiniteError, match="1 of 4 rows"):
            SampleSet(values=values)

    def test_labels_must_be_one_per_sample(self) -> None:
        with pytest.raises(ShapeError, match="one whole number per sample"):
            SampleSet(values=np.zeros((3, 1)), labels=np.zeros(2, dtype=np.int64))

    def test_blocks_and_matrix_agree(self) -> None:
        values = np.arange(60.0).reshape(10, 2, 3)
        samples = SampleSet(values=values.copy(), kind="image")
        joined = np.concatenate([block for _, block in samples.blocks(rows=3)])
        np.testing.assert_array_equal(joined.reshape(10, -1), samples.matrix())
        np.testing.assert_array_equal(samples.take(np.array([3, 1])).values, values[[3, 1]])

    def test_a_tensor_stays_a_tensor_and_reads_as_numpy(self) -> None:
        import torch

        tensor = torch.arange(6, dtype=torch.bfloat16).reshape(3, 2)
        samples = SampleSet(values=tensor)
        assert isinstance(samples.take(np.array([2])).values, torch.Tensor)
        np.testing.assert_array_equal(samples.matrix(), np.arange(6.0).reshape(3, 2))


class TestComparison:
    def test_a_subset_is_drawn_once_and_shared(self) -> None:
        rng = np.random.default_rng(0)
        whole = Comparison(real=rng.normal(size=(50, 2)), fake=rng.normal(size=(70, 2)), fit=rng.normal(size=(9, 2)))
        part = whole.at_most(40)
        assert (part.n, part.m) == (40, 40)
        assert whole.at_most(40) is part
        assert whole.at_most(70) is whole
        rows = {row.tobytes() for row in whole.fake}
        assert len({row.tobytes() for row in part.fake} & rows) == 40

    def test_widths_must_agree(self) -> None:
        with pytest.raises(ShapeError, match="same number of values"):
            Comparison(real=np.zeros((3, 2)), fake=np.zeros((3, 3)), fit=np.zeros((3, 2)))

    def test_shared_results_are_made_once_from_their_own_stream(self) -> None:
        c = Comparison(real=np.zeros((3, 2)), fake=np.zeros((3, 2)), fit=np.zeros((3, 2)), seed=5)
        first = c.once("x", lambda rng: rng.random())
        assert c.once("x", lambda rng: -1.0) == first
        again = replace(c, _shared={})
        again.once("other", lambda rng: rng.random())
        assert again.once("x", lambda rng: rng.random()) == first


class TestChecks:
    def test_a_matrix_is_made_float64_and_contiguous(self) -> None:
        out = as_matrix(np.asfortranarray(np.ones((3, 2), dtype=np.float32)), name="x")
        assert out.dtype == np.float64
        assert out.flags.c_contiguous

    @pytest.mark.parametrize(
        ("values", "error", "match"),
        [
            (np.ones(3), ShapeError, r"shape \(3,\)"),
            (np.ones((0, 2)), TooFewSamplesError, "at least one row"),
            (np.ones((2, 0)), ShapeError, "at least one column"),
            (np.ones((2, 2), dtype=complex), DtypeError, "complex128"),
            (np.array([["a"]]), DtypeError, "real numbers"),
            (np.array([[np.nan]]), NonFiniteError, "first rows 0"),
        ],
    )
    def test_bad_matrices_are_refused(self, values: np.ndarray, error: type[Exception], match: str) -> None:
        with pytest.raises(error, match=match):
            as_matrix(values, name="x")

    def test_a_wrong_option_names_the_nearest(self) -> None:
        with pytest.raises(ConfigError, match="Did you mean 'linear'"):
            require_one_of("liner", ["linear", "local"], name="critic")


class TestCatalogs:
    def test_an_unknown_metric_names_the_nearest(self) -> None:
        with pytest.raises(UnknownName, match=r"Did you mean 'energy'\? See `gandiag list metrics`"):
            METRICS.get("enrgy")
        with pytest.raises(UnknownName, match="Did you mean 'fid'"):
            METRICS.get("FID")

    def test_names_are_the_modules(self) -> None:
        assert "energy" in METRICS.names()
        assert all(METRICS.get(name).name == name for name in METRICS.names())


class TestErrors:
    def test_every_error_states_rule_value_and_remedy(self) -> None:
        text = str(DtypeError("x must be real", received=object, remedy="Convert it."))
        assert text == "x must be real; got <class 'object'>. Convert it."

    def test_a_received_value_is_never_unbounded(self) -> None:
        assert len(str(ShapeError("r", received="y" * 10_000, remedy="m."))) < 500

    def test_errors_survive_pickling(self) -> None:
        error = pickle.loads(pickle.dumps(NonFiniteError("rule", received="v", remedy="remedy.")))  # noqa: S301
        assert isinstance(error, NonFiniteError)
        assert str(error) == "rule; got v. remedy."

    def test_every_kind_has_an_exit_code_of_the_contract(self) -> None:
        kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, GandiagError)]
        assert {k.exit_code for k in kinds} == {1, 2, 3, 4, 5}
