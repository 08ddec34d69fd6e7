"""Feature maps of one's own: what may be named, what it is given, what it must give back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gandiag
from gandiag.core.samples import SampleSet
from gandiag.errors import ConfigError, DtypeError, NonFiniteError, ShapeError, UnknownName
from gandiag.features import fitted_map

CODE = """
import numpy as np
import torch
from gandiag.features.identity import FEATURES

def rows(block):
    return np.stack([block.reshape(len(block), -1).sum(axis=1), block.reshape(len(block), -1).max(axis=1)], axis=1)

def tensors(block):
    return torch.from_numpy(block.reshape(len(block), -1).astype("float32"))

class Scale:
    factor = 3.0
    def __call__(self, block):
        return self.factor * block

class Whole:
    def __call__(self, samples):
        return samples.matrix() + 1.0
    def fingerprint(self):
        return "whole:1"
    def modes(self, modes):
        return None

class WholeShort(Whole):
    def __call__(self, samples):
        return samples.matrix()[:-1]
class WholeHoles(Whole):
    def __call__(self, samples):
        return np.full((len(samples), 2), np.inf)
class WholeRaises(Whole):
    def __call__(self, samples):
        raise KeyError("lost")
class Numbered(Whole):
    def fingerprint(self):
        return 3
class Unnamed(Whole):
    def fingerprint(self):
        raise RuntimeError("no name")
class Kept(Whole):
    cacheable = True
    device = "tpu:3"
    def classify(self, rows):
        return rows

class Home:
    nested = staticmethod(rows)

module = torch.nn.Flatten()
number = 3
def raises(block): raise ValueError("no luck")
def flat(block): return block.sum(axis=1)
def short(block): return block[:-1]
def holes(block): return np.full((len(block), 2), np.nan)
def complex_(block): return block * 1j
def words(block): return np.full((len(block), 2), "1")
def leaves(block): raise SystemExit(3)
def ragged(block): return np.ones((len(block), len(block)))
class Needy:
    def __init__(self, x): pass
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "maps.py"
    path.write_text(CODE)
    return str(path)


def vectors(n: int = 300) -> SampleSet:
    return SampleSet(values=np.random.default_rng(0).normal(size=(n, 3)), source="vectors")


def test_a_function_gets_rows_and_gives_rows(file: str) -> None:
    features = fitted_map(f"{file}:rows", vectors())
    found = features(vectors())
    np.testing.assert_allclose(found, np.stack([vectors().values.sum(axis=1), vectors().values.max(axis=1)], axis=1))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(fitted_map(f"{file}:Home.nested", vectors())(vectors()), found)
    np.testing.assert_allclose(fitted_map(f"{file}:tensors", vectors())(vectors()), vectors().values, rtol=1e-6)
    np.testing.assert_allclose(fitted_map(f"{file}:Scale", vectors())(vectors()), 3.0 * vectors().values)
    assert not getattr(features, "cacheable", False)
    assert features.modes(None) is None  # type: ignore[arg-type]


def test_the_fingerprint_changes_with_the_file_and_with_the_weights(file: str) -> None:
    one = fitted_map(f"{file}:rows", vectors()).fingerprint()
    assert one.startswith("maps.py:rows:")
    assert fitted_map(f"{file}:rows", vectors()).fingerprint() == one
    Path(file).write_text(CODE + "\n# changed\n")
    assert fitted_map(f"{file}:rows", vectors()).fingerprint() != one
    code = "import torch\nnet = torch.nn.Linear(3, 2)\n"
    Path(file).write_text(code)  # other weights on every import
    names = {fitted_map(f"{file}:net", vectors()).fingerprint() for _ in range(2)}
    assert len(names) == 2


def test_a_map_in_full_is_taken_as_it_is(file: str) -> None:
    features = fitted_map(f"{file}:Whole", vectors())
    assert features.fingerprint() == "whole:1"
    np.testing.assert_allclose(features(vectors()), vectors().values + 1.0)
    kept = fitted_map(f"{file}:Kept", vectors())
    plain = (getattr(features, name) for name in ("cacheable", "device", "classify"))
    assert tuple(plain) == (False, "", None)
    assert (kept.cacheable, kept.device) == (True, "tpu:3")  # type: ignore[attr-defined]
    assert kept.classify(3) == 3  # type: ignore[attr-defined]


def test_a_torch_module_gets_images_channels_first_in_units_of_the_range(file: str) -> None:
    values = np.random.default_rng(1).integers(0, 256, (5, 4, 4, 3)).astype(np.uint8)
    images = SampleSet(values=values, kind="image", value_range=(0, 255))
    found = fitted_map(f"{file}:module", images)(images)
    np.testing.assert_allclose(found, np.moveaxis(values, -1, 1).reshape(5, -1) / 255.0, rtol=1e-6)
    grey = SampleSet(values=values[..., 0].copy(), kind="image", value_range=(0, 255))
    assert fitted_map(f"{file}:module", grey)(grey).shape == (5, 16)


def test_an_installed_module_is_found_by_its_name() -> None:
    found = fitted_map("numpy.linalg:norm", SampleSet(values=np.ones((4, 2))))
    with pytest.raises(ShapeError, match=r"one row of features for each of 4 rows.*got shape \(\)"):
        found(SampleSet(values=np.ones((4, 2))))


@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        ("raises", ConfigError, "must map rows without an error; got .*ValueError: no luck"),
        ("flat", ShapeError, r"shape \(256, d\); got shape \(256,\)"),
        ("short", ShapeError, r"got shape \(255, 3\)"),
        ("holes", NonFiniteError, "must give finite features"),
        ("complex_", DtypeError, "must give real numbers; got dtype complex128"),
        ("words", DtypeError, "must give real numbers; got dtype <U1"),
        ("leaves", ConfigError, "must map rows without an error; got .*SystemExit: 3"),
        ("WholeShort", ShapeError, r"WholeShort must give one row .* for each of 300 rows.*got shape \(299, 3\)"),
        ("WholeHoles", NonFiniteError, "WholeHoles must give finite features"),
        ("WholeRaises", ConfigError, "WholeRaises: KeyError: 'lost'"),
        ("ragged", ShapeError, r"features of one width; got \[44, 256\]"),
    ],
)
def test_what_comes_back_is_checked(name: str, error: type[Exception], told: str, file: str) -> None:
    with pytest.raises(error, match=told):
        fitted_map(f"{file}:{name}", vectors())(vectors())


def test_what_cannot_be_loaded_is_told(file: str, tmp_path: Path) -> None:
    for name, told in (
        (f"{file}:absent", "must define 'absent'"),
        (f"{file}:number", "something that maps rows; got .*a int"),
        (f"{file}:Numbered", r"fingerprint\(\) of maps.py:Numbered must give text; got 3"),
        (f"{file}:Unnamed", "must name itself without an error; got .*no name"),
        (f"{file}:Needy", "be made without arguments without an error; got .*TypeError"),
        (f"{tmp_path}/none.py:rows", "a Python file of that name"),
        ("no_such_package.maps:rows", "no feature map and no module 'no_such_package.maps'"),
    ):
        with pytest.raises(ConfigError, match=told):
            fitted_map(name, vectors())
    (tmp_path / "broken.py").write_text("import no_such_thing\n")
    with pytest.raises(ConfigError, match=r"be imported without an error; got .*no_such_thing"):
        fitted_map(f"{tmp_path}/broken.py:rows", vectors())
    with pytest.raises(UnknownName, match=r"no feature of that name; got inceptoin.*Did you mean 'inception'"):
        fitted_map("inceptoin:weights.pth", vectors())


def test_a_score_on_features_of_ones_own(file: str) -> None:
    rows = np.random.default_rng(2).normal(size=(200, 3))
    report = gandiag.score(rows[:100], rows[100:] + 1.0, features=f"{file}:rows", metrics=["energy"], permutations=99)
    assert report.real.features.startswith("maps.py:rows:")
    assert report["energy"].p_value is not None
    assert report["energy"].p_value.value == pytest.approx(0.01)
