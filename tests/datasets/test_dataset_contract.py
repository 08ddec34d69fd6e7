"""What every bundled law or set promises, over the catalog."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.core.protocols import Sampler
from gandiag.core.specs import DATASETS
from gandiag.errors import ConfigError

NAMES = DATASETS.names()
# An option, a bad value, and what the message must say.
BAD = [
    ("ring8", {"sigma": 0}, r"`sigma` must be a finite number, above 0; got 0\. Pass sigma="),
    ("ring8", {"sigma": "thin"}, "`sigma` must be a finite number.*got thin"),
    ("ring8", {"sigma": float("nan")}, "`sigma` must be a finite number"),
    ("ring8", {"sigma": True}, "`sigma` must be a finite number"),
    ("ring8", {"sigm": 0.1}, r"toy:ring8 has no such option; got sigm\. Did you mean 'sigma'"),
    ("grid25", {"spacing": -1}, "`spacing` must be"),
    ("mixture", {"k": 2.5}, r"`k` must be a whole number, at least 1 and at most 4096; got 2\.5"),
    ("mixture", {"covariance": "round"}, "`covariance` must be one of anisotropic, isotropic; got round"),
    ("mixture", {"seed": -1}, "`seed` must be a whole number, at least 0"),
    ("gauss", {"dim": 0}, "`dim` must be a whole number"),
    ("gauss1d", {"delta": "inf"}, "`delta` must be a finite number"),
    ("moons", {"sigma": 1e-5}, "`sigma` must be a finite number, at least 0.001"),
    ("spiral", {"turns": 0}, "`turns` must be"),
    ("parallel_lines", {"theta": None}, "`theta` must be a finite number"),
    ("uniform", {"N": 10, "support": 11}, "`support` must be a whole number, at least 1 and at most 10"),
    ("zipf", {"s": -1}, "`s` must be"),
    ("paninski", {"eps": 0.6}, "`eps` must be a finite number, at least 0 and at most 0.5"),
    ("sequences", {"N": 3, "missing": 3}, "`missing` must be"),
    ("ganlab_line", {"sigma": 1}, "has no such option; got sigma. It takes none"),
    ("digits", {"split": "val"}, "`split` must be one of all, test, third1, third2, third3, train; got val"),
    ("stacked_digits", {"split": "val"}, "`split` must be one of"),
    ("angles", {"side": "c"}, "`side` must be one of a, b; got c"),
    ("boxes", {"side": "c"}, "`side` must be one of a, b; got c"),
    ("domains", {"side": "c"}, "`side` must be one of a, b, pair; got c"),
    ("domains", {"kind": "mirror"}, "`kind` must be one of"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_is_a_sampler_of_independent_finite_rows(name: str) -> None:
    spec = DATASETS.get(name)
    law = spec.open()
    assert isinstance(law, Sampler)
    samples = law.sample(60, rng=np.random.default_rng(0))
    assert len(samples) == 60
    assert samples.lag == 1
    assert samples.source == law.name == f"{spec.scheme}:{name}"
    assert np.isfinite(samples.matrix()).all()
    if samples.value_range is not None:
        assert samples.value_range[0] <= samples.matrix().min()
        assert samples.matrix().max() <= samples.value_range[1]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_generator_state_gives_the_same_rows(name: str) -> None:
    first, again = (DATASETS.get(name).open().sample(40, rng=np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first.values, again.values)
    if first.labels is not None:
        np.testing.assert_array_equal(first.labels, again.labels)
    other = DATASETS.get(name).open().sample(40, rng=np.random.default_rng(8))
    assert not np.array_equal(first.values, other.values)


@pytest.mark.parametrize("name", NAMES)
def test_known_modes_are_as_many_as_labels(name: str) -> None:
    samples = DATASETS.get(name).open().sample(200, rng=np.random.default_rng(0))
    if samples.modes is None:
        return
    k = len(samples.modes.weights)
    assert samples.labels is not None
    assert samples.modes.centres.shape == (k, *samples.shape)
    assert samples.modes.covariances.shape == (k, *samples.shape * 2)
    assert 0 <= samples.labels.min() <= samples.labels.max() < k


@pytest.mark.parametrize("name", NAMES)
def test_a_density_gives_one_number_per_sample(name: str) -> None:
    law = DATASETS.get(name).open()
    if hasattr(law, "log_density"):
        logs = law.log_density(law.sample(30, rng=np.random.default_rng(0)).values)
        assert logs.shape == (30,)
        assert np.isfinite(logs).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_number_of_rows_is_a_whole_number_above_zero(name: str) -> None:
    for n in (0, -3, 2.5, True):
        with pytest.raises(ConfigError, match="the number of samples must be a whole number of at least 1"):
            DATASETS.get(name).open().sample(n, rng=np.random.default_rng(0))


@pytest.mark.parametrize("name", NAMES)
def test_an_endless_law_belongs_to_the_toys_or_says_so(name: str) -> None:
    spec = DATASETS.get(name)
    assert spec.scheme in {"toy", "data", "model"}
    endless = spec.scheme == "toy" or name == "stacked_digits" or (spec.scheme == "model" and name != "cyclegan-digits")
    assert (spec.open().size is None) == endless
    assert spec.summary
    assert spec.source


@pytest.mark.parametrize(("name", "options", "message"), BAD)
def test_a_bad_option_is_refused_with_its_rule_and_a_remedy(
    name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        DATASETS.get(name).open(**options)


def test_options_as_text_and_as_numbers_are_one() -> None:
    text = DATASETS.get("mixture").open(dim="3", k="2", sigma="0.5", weights="1, 3", seed="2")
    plain = DATASETS.get("mixture").open(dim=3, k=2.0, sigma=np.float64(0.5), weights=np.array([1, 3]), seed=2)
    rows = [law.sample(10, rng=np.random.default_rng(0)).values for law in (text, plain)]
    np.testing.assert_array_equal(*rows)


def test_a_built_in_is_named_by_its_full_address() -> None:
    assert DATASETS.get("ring8").open(sigma="0.01", radius=1).name == "toy:ring8?sigma=0.01&radius=1"
