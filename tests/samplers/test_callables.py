"""Callables, sample methods, distributions and protocol objects: binding, faults, global state and dependence."""

from __future__ import annotations

import functools
import os
import random
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import KernelDensity

from gandiag.core.samples import SampleSet
from gandiag.errors import (
    ConfigError,
    DtypeError,
    NonFiniteError,
    RangeError,
    SamplerContractError,
    SamplerExhausted,
    SamplerRaised,
    SamplerTimeout,
    ShapeError,
)
from gandiag.sources import open_sampler


def draw(source: object, n: int = 50, seed: int = 1, **options: object) -> SampleSet:
    return open_sampler(source, **options).sample(n, rng=np.random.default_rng(seed))


def numpy_sampler(n, rng):
    return rng.normal(size=(n, 2))


def torch_sampler(n_samples: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(n_samples, 2, generator=generator)


def stringly(n: int, *, rng: torch.Generator) -> torch.Tensor:
    return torch.randn(n, 2, generator=rng)


class Draws:
    """A callable object."""

    def __call__(self, num_samples: int, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).normal(size=(num_samples, 2))


BOUND: dict[str, Callable] = {
    "n-rng": numpy_sampler,
    "n_samples-torch": torch_sampler,
    "quoted annotation": stringly,
    "object": Draws(),
    "partial": functools.partial(lambda scale, n, rng: rng.normal(0, scale, (n, 2)), 3.0),
    "seed": lambda size, seed: np.random.RandomState(seed).normal(size=(size, 2)),
    "random_state": lambda batch_size, random_state: np.random.RandomState(random_state).rand(batch_size, 2),
    "generator-numpy": lambda n, generator: generator.normal(size=(n, 2)),
    "generator-torch": lambda n, generator: torch.randn(n, 2, generator=generator),
    "nothing-numpy": lambda n: np.random.normal(size=(n, 2)),  # noqa: NPY002
    "nothing-python": lambda n: [[random.random()] for _ in range(n)],
    "nothing-torch": lambda n: torch.randn(n, 2),
}


@pytest.mark.parametrize("name", BOUND)
def test_callables_are_bound_by_name_and_repeat_from_one_seed(name: str) -> None:
    source = BOUND[name]
    first, again, other = draw(source), draw(source), draw(source, seed=2)
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.values, other.values)
    assert len(first) == 50
    assert any("randomness: uncontrolled" in note for note in first.notes) == name.startswith("nothing")


def test_positional_only_counts_are_bound() -> None:
    def sampler(n, /, rng):
        return rng.normal(size=(n, 2))

    assert len(draw(sampler)) == 50


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda z: z, r"number of samples, called one of n, n_samples.*got parameters z.*latent="),
        (lambda n, temperature: n, "further parameters temperature. Fix them with functools.partial"),
        (os.system, "got parameters command"),
        (np.random.default_rng(0).bytes, "length|signature"),
        (None, "must be something that samples can come from; got NoneType"),
        (42, "must be something that samples can come from; got int"),
        ({"x": np.zeros(3)}, "must be something that samples can come from; got dict"),
    ],
)
def test_sources_that_cannot_be_bound_are_refused(source: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_sampler(source)


def faulty(batch: int, value: Callable[[np.ndarray], object]) -> Callable:
    """Draw well, except in one batch (counted from 1)."""
    calls = {"count": 0}

    def sampler(n, rng):
        calls["count"] += 1
        rows = rng.normal(size=(n, 2))
        return value(rows) if calls["count"] == batch else rows

    return sampler


def boom(error: BaseException) -> Callable:
    def raising(rows: np.ndarray) -> None:
        raise error

    return raising


def with_nan(rows: np.ndarray) -> np.ndarray:
    rows[3] = np.nan
    return rows


ZOO = [
    ("B01-nan", with_nan, NonFiniteError, r"1 of 10 rows with NaN or infinity \(first rows 23\)"),
    ("B22-complex", lambda r: r.astype(complex), DtypeError, "real numbers"),
    ("B22-object", lambda r: r.astype(object), DtypeError, "real numbers"),
    ("B22-text", lambda r: r.astype(str), DtypeError, "real numbers"),
    (
        "B29-raises",
        boom(ZeroDivisionError("bad luck")),
        SamplerRaised,
        r"after 20 of 50 samples \(batch 3\); got ZeroDivisionError: bad luck",
    ),
    ("B29-exits", boom(SystemExit(0)), SamplerRaised, r"after 20 of 50 samples \(batch 3\); got SystemExit"),
    ("B30-none", lambda r: None, SamplerContractError, "one array or tensor with one sample per row; got None"),
    ("B30-dict", lambda r: {"x": r}, SamplerContractError, "got a dict with keys x"),
    ("B30-tuple", lambda r: (r, r), SamplerContractError, "got a tuple of 2"),
    ("B30-text", lambda r: "rows", SamplerContractError, "got a str"),
    (
        "B30-short",
        lambda r: r[:-1],
        SamplerContractError,
        r"exactly as many rows.*shape \(9, 2\) when asked for 10 \(batch 3\)",
    ),
    ("B30-empty", lambda r: r[:0], SamplerContractError, r"shape \(0, 2\) when asked for 10"),
    ("B30-scalar", lambda r: 3.0, SamplerContractError, r"shape \(\) when asked for 10"),
    ("B30-flat", lambda r: r[:, 0], SamplerContractError, r"rows of \(\) float64 in batch 3 after \(2,\) float64"),
    ("B30-wide", lambda r: np.hstack([r, r]), SamplerContractError, r"rows of \(4,\) float64 in batch 3"),
    ("B30-dtype", lambda r: (r * 100).astype(int), SamplerContractError, r"int64 in batch 3 after \(2,\) float64"),
    ("B31-long", lambda r: np.vstack([r, r]), SamplerContractError, r"shape \(20, 2\) when asked for 10"),
]


@pytest.mark.parametrize(("value", "error", "message"), [z[1:] for z in ZOO], ids=[z[0] for z in ZOO])
def test_faults_in_the_third_batch_are_reported(value: Callable, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        draw(faulty(3, value), batch_size=10)


def test_b29_the_original_error_is_chained_and_a_keyboard_interrupt_passes() -> None:
    with pytest.raises(SamplerRaised, match="ValueError: no") as caught:
        draw(faulty(1, boom(ValueError("no"))))
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(KeyboardInterrupt, match="stop"):
        draw(faulty(1, boom(KeyboardInterrupt("stop"))))


def test_b32_a_slow_sampler_is_stopped_between_batches_with_its_rate() -> None:
    def slow(n, rng):
        time.sleep(0.05)
        return rng.normal(size=(n, 2))

    with pytest.raises(
        SamplerTimeout, match=r"1000 samples within 0\.08 s; got 20 samples in .* per second; all would"
    ):
        draw(slow, 1000, batch_size=10, timeout=0.08)
    assert len(draw(slow, 20, batch_size=10, timeout=60.0)) == 20


def test_b34_identical_batches_are_refused() -> None:
    def reseeded(n):
        return np.random.default_rng(0).normal(size=(n, 2))

    with pytest.raises(SamplerContractError, match=r"draw anew at every call; got batch 2 equals batch 1"):
        draw(reseeded, batch_size=10)


@pytest.mark.parametrize(
    "source",
    [lambda n, rng: np.ones((n, 3)), lambda n, rng: (rng.random((n, 1)) < 0.02).astype(float)],
    ids=["constant", "rare"],
)
def test_b07_honest_laws_that_repeat_themselves_are_not_refused(source: Callable) -> None:
    assert len(draw(source, 400, batch_size=10)) == 400


@given(st.integers(1, 60), st.integers(1, 25), st.integers(0, 1000))
def test_b34_a_reused_buffer_equals_fresh_arrays(n: int, batch: int, seed: int) -> None:
    buffer = np.empty((batch, 2))

    def reusing(n, rng):
        buffer[:n] = rng.normal(size=(n, 2))
        return buffer[:n]

    reused = draw(reusing, n, seed, batch_size=batch)
    np.testing.assert_array_equal(reused.values, draw(numpy_sampler, n, seed, batch_size=batch).values)


def test_b34_a_reused_tensor_equals_fresh_tensors() -> None:
    buffer = torch.empty(10, 2)

    def reusing(n: int, generator: torch.Generator) -> torch.Tensor:
        return buffer.normal_(generator=generator)[:n]

    rows = draw(reusing, 40, batch_size=10).values
    assert len(np.unique(rows, axis=0)) == 40


def test_b35_floats_of_several_widths_are_widened_with_a_note() -> None:
    samples = draw(faulty(2, lambda r: r.astype(np.float32)), batch_size=10)
    assert samples.values.dtype == np.float64
    assert "batches of float64 and float32 were widened to float64" in samples.notes


def test_b35_no_global_state_is_changed_by_a_sampler_that_changes_all_of_it() -> None:
    home = Path.cwd()

    def rude(n):
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        torch.manual_seed(0)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        os.chdir("/")
        return np.random.normal(size=(n, 2))  # noqa: NPY002

    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # noqa: NPY002
    sampler = open_sampler(rude)
    sampler.sample(10, rng=np.random.default_rng(0))
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before  # noqa: NPY002
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()
    assert Path.cwd() == home


def test_b35_floating_point_flags_and_filters_of_warnings_are_put_back() -> None:
    def sampler(n: int, rng: np.random.Generator) -> np.ndarray:
        np.seterr(all="ignore")
        warnings.simplefilter("error")
        torch.set_float32_matmul_precision("medium")
        return rng.normal(size=(n, 2))

    before = np.geterr(), list(warnings.filters), torch.get_float32_matmul_precision()
    open_sampler(sampler).sample(50, rng=np.random.default_rng(0))
    assert (np.geterr(), list(warnings.filters), torch.get_float32_matmul_precision()) == before


def test_neighbours_of_a_users_file_hide_no_module_of_ours(tmp_path: Path) -> None:
    (tmp_path / "lazy_neighbour.py").write_text("VALUE = 1.0\n")
    (tmp_path / "mine.py").write_text(
        "def sampler(n, rng):\n    import lazy_neighbour as near\n    return rng.normal(size=(n, 2)) + near.VALUE\n"
    )
    open_sampler(f"{tmp_path}/mine.py:sampler").sample(50, rng=np.random.default_rng(0))
    try:
        assert sys.path[-1] == str(tmp_path)
    finally:
        sys.path.remove(str(tmp_path))


def test_state_is_restored_when_the_sampler_raises() -> None:
    before = torch.get_rng_state().tolist()
    with pytest.raises(SamplerRaised, match="RuntimeError"):
        draw(lambda n: torch.randn(3) @ torch.randn(4))
    assert torch.get_rng_state().tolist() == before


def test_b23_a_sampler_outside_its_declared_range_is_refused() -> None:
    with pytest.raises(RangeError, match=r"declared range \[0, 1\]"):
        draw(lambda n, rng: rng.normal(size=(n, 4, 4)), value_range=(0, 1))


def test_ambiguous_layout_of_a_sampler_is_refused_and_can_be_said() -> None:
    def sampler(n, rng):
        return rng.random((n, 3, 6, 3))

    with pytest.raises(ShapeError, match="Say layout="):
        draw(sampler)
    assert draw(sampler, layout="channels_first").shape == (6, 3, 3)


def chain_sampler(correlation: float = 0.8) -> Callable:
    """Continue one chain over all calls."""
    state = {"row": np.zeros(2)}

    def sampler(n, rng):
        rows = np.empty((n, 2))
        for i in range(n):
            state["row"] = correlation * state["row"] + np.sqrt(1 - correlation**2) * rng.normal(size=2)
            rows[i] = state["row"]
        return rows

    return sampler


def test_b17_a_chain_is_found_in_the_order_of_arrival_and_thinned() -> None:
    samples = draw(chain_sampler(), 500)
    assert len(samples) == 500
    assert samples.lag == 1
    assert "consecutive draws depend on each other" in samples.notes[-1]
    rows = samples.values
    assert abs(np.corrcoef(rows[:-1, 0], rows[1:, 0])[0, 1]) < 0.2


def test_b17_a_chain_that_mixes_too_slowly_keeps_its_lag() -> None:
    samples = draw(chain_sampler(0.995), 400)
    assert samples.lag > 1
    assert "too far to thin" in samples.notes[-1]


def test_b17_a_declared_lag_draws_more_and_keeps_one_in_lag() -> None:
    asked = []

    def sampler(n, rng):
        asked.append(n)
        return np.arange(n)[:, None] + rng.random((n, 1))

    samples = draw(sampler, 10, lag=5)
    assert sum(asked) == 50
    np.testing.assert_array_equal(np.floor(samples.values[:, 0]), np.arange(0, 50, 5))
    assert samples.lag == 1


def test_draws_of_a_callable_are_not_shuffled() -> None:
    rows = draw(lambda n, rng: np.arange(n)[:, None] * 1.0, 15).values
    np.testing.assert_array_equal(rows[:, 0], np.arange(15))
    assert draw(lambda n, rng: np.arange(n)[:, None] * 1.0, 15).lag == 0


POINTS = np.random.default_rng(0).normal(size=(300, 2)) + 20.0 * np.repeat([0, 1, 2], 100)[:, None]


@pytest.mark.parametrize(
    "model",
    [GaussianMixture(3, random_state=0), BayesianGaussianMixture(n_components=3, random_state=0), KernelDensity()],
    ids=lambda m: type(m).__name__,
)
def test_sklearn_models_never_repeat_and_never_sort(model: object) -> None:
    sampler = open_sampler(model.fit(POINTS))
    rng = np.random.default_rng(0)
    first, second = sampler.sample(200, rng=rng), sampler.sample(200, rng=rng)
    assert not np.array_equal(first.values, second.values)
    again = sampler.sample(200, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(first.values, again.values)
    assert first.lag == 1
    order = first.labels if first.labels is not None else first.values[:, 0]
    assert np.any(np.diff(order) < 0)


def test_the_traps_of_sklearn_are_real() -> None:
    model = GaussianMixture(3, random_state=0).fit(POINTS)
    points, labels = model.sample(50)
    np.testing.assert_array_equal(points, model.sample(50)[0])
    assert np.all(np.diff(labels) >= 0)


def test_labels_of_a_mixture_follow_their_points() -> None:
    model = GaussianMixture(3, random_state=0).fit(POINTS)
    samples = draw(model, 200)
    assert np.mean(model.predict(samples.values) == samples.labels) > 0.99
    assert model.random_state == 0


@pytest.mark.parametrize(
    ("law", "kind", "width"),
    [
        (scipy.stats.norm(0, 1), "vector", 1),
        (scipy.stats.multivariate_normal([0.0, 0.0]), "vector", 2),
        (scipy.stats.poisson(3), "discrete", 1),
        (torch.distributions.Normal(0.0, 1.0), "vector", 1),
        (torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2)), "vector", 2),
        (torch.distributions.Categorical(torch.ones(5)), "discrete", 1),
    ],
)
def test_laws_of_scipy_and_torch_are_read(law: object, kind: str, width: int) -> None:
    for n in (1, 2, 40):
        samples = draw(law, n)
        assert (samples.kind, samples.values.shape, samples.lag) == (kind, (n, width), 1)
    np.testing.assert_array_equal(draw(law, 40).values, draw(law, 40).values)
    assert not np.array_equal(draw(law, 40).values, draw(law, 40, seed=2).values)


class Own:
    """An object that meets the protocol."""

    name, size = "own", 100

    def __init__(self, answer: Callable[[int, np.random.Generator], object] | None = None) -> None:
        self.answer = answer or (lambda n, rng: SampleSet(values=rng.normal(size=(n, 2))))

    def sample(self, n: int, *, rng: np.random.Generator) -> object:
        return self.answer(n, rng)


def test_protocol_objects_are_taken_and_renamed() -> None:
    sampler = open_sampler(Own(), name="mine")
    samples = sampler.sample(10, rng=np.random.default_rng(0))
    assert (sampler.name, sampler.size, samples.source, samples.lag) == ("mine", 100, "mine", 0)


def test_protocol_objects_may_return_bare_arrays() -> None:
    assert draw(Own(lambda n, rng: rng.normal(size=(n, 3))), 10).values.shape == (10, 3)


def test_a_declared_lag_thins_a_protocol_object() -> None:
    sampler = open_sampler(Own(lambda n, rng: SampleSet(values=np.arange(n)[:, None] * 1.0)), lag=4)
    assert sampler.size == 25
    samples = sampler.sample(5, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(samples.values[:, 0], [0, 4, 8, 12, 16])
    assert samples.lag == 1


@pytest.mark.parametrize(
    ("answer", "n", "error", "message"),
    [
        (lambda n, rng: SampleSet(values=np.zeros((n + 1, 2))), 5, SamplerContractError, "got 6 when asked for 5"),
        (lambda n, rng: None, 5, SamplerContractError, "got None"),
        (lambda n, rng: 1 / 0, 5, SamplerRaised, r"after 0 of 5 samples \(batch 1\); got ZeroDivisionError"),
        (None, 101, SamplerExhausted, "got 100 of 101"),
    ],
)
def test_faults_of_protocol_objects_are_reported(answer: object, n: int, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        draw(Own(answer), n)


def test_torch_is_not_imported_for_arrays() -> None:
    import subprocess

    code = (
        "import sys, numpy as np; from gandiag.sources import open_sampler; "
        "open_sampler(np.random.default_rng(0).normal(size=(60, 2))).sample(5, rng=np.random.default_rng(0)); "
        "open_sampler(lambda n, rng: rng.normal(size=(n, 2))).sample(5, rng=np.random.default_rng(0)); "
        "print([m for m in ('torch', 'sklearn', 'PIL', 'matplotlib', 'safetensors') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
