"""The one door: addresses, built-ins, pathologies, the caller's code, and who accepts what."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gandiag import sources
from gandiag.core.protocols import Sampler
from gandiag.core.samples import SampleSet
from gandiag.core.specs import SAMPLERS, DatasetSpec, PathologySpec, SamplerSpec
from gandiag.errors import (
    ConfigError,
    FileFormatError,
    SamplerContractError,
    SamplerRaised,
    UnknownName,
)
from gandiag.sources import Address, Distortion, open_sampler, parse_address


class Catalog:
    """Stands in for a catalog, so that these tests do not depend on what the others hold."""

    def __init__(self, *specs: object) -> None:
        self.specs = {spec.name: spec for spec in specs}

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.specs))

    def get(self, name: str) -> object:
        if name not in self.specs:
            from gandiag.core.checks import unknown_name

            raise unknown_name(name, self.names(), what="pathology", listing="See `gandiag list pathologies`.")
        return self.specs[name]

    def __iter__(self) -> object:
        return iter(self.specs.values())


class Law:
    """A normal law that says how it was opened."""

    size = None

    def __init__(self, text: str, lag: int = 0) -> None:
        self.name, self.lag = text, lag

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        return SampleSet(values=rng.normal(size=(n, 2)), source=self.name, notes=(self.name,), lag=self.lag)


def ring(*, sigma: float = 0.1, mode: str = "a") -> Sampler:
    return Law(f"ring sigma={sigma!r} mode={mode!r}")


def digits(**options: object) -> Sampler:
    return Law(f"digits {sorted(options.items())}")


def drop(sampler: Sampler, severity: float, *, seed: int = 0) -> Sampler:
    return Law(f"{sampler.name} | drop {severity!r} seed={seed!r}")


def noise(sampler: Sampler, severity: float) -> Sampler:
    return Law(f"{sampler.name} | noise {severity!r}", lag=7)


@pytest.fixture
def catalogs(monkeypatch: pytest.MonkeyPatch) -> None:
    toys = Catalog(
        DatasetSpec(name="ring8", summary="", scheme="toy", open=ring),
        DatasetSpec(name="digits", summary="", scheme="data", open=digits),
    )
    wrongs = Catalog(
        PathologySpec(name="drop_modes", summary="", wrap=drop, severity="modes", healthy=0, code="modes_missing"),
        PathologySpec(name="noise", summary="", wrap=noise, severity="share", healthy=0, code="noise_mixture"),
    )
    monkeypatch.setattr(sources, "DATASETS", toys)
    monkeypatch.setattr(sources, "PATHOLOGIES", wrongs)


def draw(source: object, n: int = 10, **options: object) -> SampleSet:
    return open_sampler(source, **options).sample(n, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("x.npy", Address(text="x.npy", form="path", base="x.npy")),
        ("toy:ring8", Address(text="toy:ring8", form="builtin", scheme="toy", base="ring8")),
        (
            "toy:ring8?sigma=0.05&mode=b",
            Address(
                text="toy:ring8?sigma=0.05&mode=b",
                form="builtin",
                scheme="toy",
                base="ring8",
                options={"sigma": 0.05, "mode": "b"},
            ),
        ),
        (
            "data:digits?split=train!drop_modes=3,seed=1!noise=0.5",
            Address(
                text="data:digits?split=train!drop_modes=3,seed=1!noise=0.5",
                form="builtin",
                scheme="data",
                base="digits",
                options={"split": "train"},
                distortions=(
                    Distortion(name="drop_modes", severity=3, options={"seed": 1}),
                    Distortion(name="noise", severity=0.5),
                ),
            ),
        ),
        (
            "x.npy!noise=1",
            Address(
                text="x.npy!noise=1", form="path", base="x.npy", distortions=(Distortion(name="noise", severity=1),)
            ),
        ),
        ("pkg.mod:attr", Address(text="pkg.mod:attr", form="code", base="pkg.mod", attribute="attr")),
        ("gan.py:net.G", Address(text="gan.py:net.G", form="code", base="gan.py", attribute="net.G")),
        ("runs/a b/gan.py:G", Address(text="runs/a b/gan.py:G", form="code", base="runs/a b/gan.py", attribute="G")),
        ("C:\\data\\x.npy", Address(text="C:\\data\\x.npy", form="path", base="C:\\data\\x.npy")),
        ("C:x", Address(text="C:x", form="path", base="C:x")),
        ("C:\\gan.py:G", Address(text="C:\\gan.py:G", form="code", base="C:\\gan.py", attribute="G")),
        ("os:system('ls')", Address(text="os:system('ls')", form="path", base="os:system('ls')")),
        ("a-b:c", Address(text="a-b:c", form="path", base="a-b:c")),
        ("mod:a..b", Address(text="mod:a..b", form="path", base="mod:a..b")),
    ],
)
def test_addresses_are_taken_apart(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-2", -2),
        ("0.5", 0.5),
        ("1e-3", 1e-3),
        (".5", 0.5),
        ("nan", "nan"),
        ("inf", "inf"),
        ("train", "train"),
        ("1,2,3", "1,2,3"),
        ("0x10", "0x10"),
        ("1_0", "1_0"),
        ("", ""),
    ],
)
def test_values_that_look_like_numbers_are_numbers(text: str, value: object) -> None:
    found = parse_address(f"toy:ring8?x={text}").options["x"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must say something"),
        ("  ", "must say something"),
        ("a\0b", "must say something"),
        ("toy:ring8?sigma", "written once each, as option=value; got 'sigma'"),
        ("toy:ring8?sigma=1&sigma=2", "written once each"),
        ("toy:ring8?=1", "written once each"),
        ("toy:ring8?a b=1", "written once each"),
        ("toy:ring8!drop_modes", r"must be written !name=severity.*For example !drop_modes=0\.5"),
        ("toy:ring8!", r"must be written !name=severity"),
        ("toy:ring8!=3", r"must be written !name=severity"),
        ("toy:ring8!noise=", r"must be written !name=severity"),
    ],
)
def test_malformed_addresses_are_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_address(text)


def test_a_file_with_an_exclamation_mark_is_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "wow!noise=1.npy", np.random.default_rng(0).normal(size=(60, 2)))
    assert open_sampler(str(tmp_path / "wow!noise=1.npy")).size == 60


@pytest.mark.usefixtures("catalogs")
def test_built_ins_get_their_options_and_a_lag_of_one() -> None:
    samples = draw("toy:ring8?sigma=0.05&mode=b")
    assert samples.notes == ("ring sigma=0.05 mode='b'",)
    assert samples.source == "toy:ring8?sigma=0.05&mode=b"
    assert samples.lag == 1
    assert draw("data:digits?split=test").notes == ("digits [('split', 'test')]",)


@pytest.mark.usefixtures("catalogs")
@pytest.mark.parametrize("batch_size", [None, 1, 3, 100])
def test_built_ins_do_not_depend_on_the_batch_size(batch_size: int | None) -> None:
    np.testing.assert_array_equal(draw("toy:ring8", batch_size=batch_size).values, draw("toy:ring8").values)


@pytest.mark.usefixtures("catalogs")
def test_pathologies_chain_from_left_to_right() -> None:
    samples = draw("toy:ring8!drop_modes=3,seed=2!noise=0.5", name="mine")
    assert samples.notes == ("ring sigma=0.1 mode='a' | drop 3 seed=2 | noise 0.5",)
    assert samples.source == "mine"
    assert samples.lag == 7


@pytest.mark.usefixtures("catalogs")
def test_pathologies_wrap_files_and_code(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(60, 2)))
    assert draw(f"{tmp_path}/x.npy!noise=1").notes == ("x.npy!noise=1 | noise 1",)
    (tmp_path / "gan.py").write_text("def draw(n, rng):\n    return rng.normal(size=(n, 2))\n")
    assert draw(f"{tmp_path}/gan.py:draw!noise=1").notes == ("gan.py:draw!noise=1 | noise 1",)


@pytest.mark.usefixtures("catalogs")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("toy:rin8", r"no built-in source of that name; got toy:rin8\. Did you mean 'toy:ring8'"),
        ("data:ring8", r"ring8 has another scheme; got data:ring8\. Write toy:ring8\."),
        ("tooy:ring8", r"known scheme; got tooy:ring8\. Did you mean 'toy:ring8'"),
        ("dat-a:digits", r"known scheme; got dat-a:digits\. Did you mean 'data'"),
        ("toy:ring8!drop_mode=3", r"no pathology of that name; got drop_mode\. Did you mean 'drop_modes'"),
    ],
)
def test_unknown_names_say_the_nearest(text: str, message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        open_sampler(text)


@pytest.mark.usefixtures("catalogs")
@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("toy:ring8?sigm=1", {}, r"`sigm` is not an option of toy:ring8; got sigm\. Did you mean 'sigma'"),
        ("toy:ring8!drop_modes=3,sed=1", {}, r"`sed` is not an option of the pathology drop_modes.*'seed'"),
        ("toy:ring8", {"latent": "normal:3"}, "`latent` has no meaning for samplers"),
        ("toy:ring8!noise=1", {"key": "x"}, "`key` has no meaning for samplers"),
    ],
)
def test_options_that_nobody_takes_are_refused(text: str, options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_sampler(text, **options)


CODE = """
import functools
import numpy as np
import neighbour

def draw(n, rng):
    return rng.normal(size=(n, neighbour.WIDTH))

class Model:
    def sample(self, n, rng):
        return rng.normal(size=(n, 2))

    class Inner:
        rows = np.random.default_rng(0).normal(size=(60, 2))

class Needs:
    def __init__(self, weights):
        self.weights = weights

def factory(width=3):
    return lambda n, rng: rng.normal(size=(n, width))

def nothing():
    return None

def broken():
    raise SystemExit(3)

address = "toy:ring8"
rows = Model.Inner.rows
"""


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", sys.path.copy())
    for name in [m for m in sys.modules if m == "neighbour" or m.startswith("gandiag_user_")]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "my_gan.py").write_text(CODE)
    (tmp_path / "neighbour.py").write_text("WIDTH = 4\n")
    return tmp_path / "my_gan.py"


@pytest.mark.parametrize(
    ("attribute", "width"), [("draw", 4), ("Model", 2), ("Model.Inner.rows", 2), ("factory", 3), ("rows", 2)]
)
def test_code_of_a_file_is_loaded_and_called_where_it_must_be(code: Path, attribute: str, width: int) -> None:
    samples = draw(f"{code}:{attribute}")
    assert samples.values.shape == (10, width)
    assert samples.source == f"my_gan.py:{attribute}"


def test_a_file_is_found_from_the_current_folder_without_putting_that_on_the_path(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code.parent / "deep").mkdir()
    code.rename(code.parent / "deep" / "my_gan.py")
    (code.parent / "neighbour.py").rename(code.parent / "deep" / "neighbour.py")
    monkeypatch.chdir(code.parent)
    assert draw("deep/my_gan.py:draw").source == "deep/my_gan.py:draw"
    assert str(code.parent / "deep") in sys.path
    assert str(code.parent) not in sys.path


def test_a_home_that_there_is_not_holds_no_file() -> None:
    with pytest.raises(
        FileFormatError, match=r"there must be a file or folder of that name; got ~nobody-of-that-name/x\.npy"
    ):
        draw("~nobody-of-that-name/x.npy")


@pytest.mark.usefixtures("catalogs")
def test_code_may_name_a_built_in(code: Path) -> None:
    assert draw(f"{code}:address").notes == ("ring sigma=0.1 mode='a'",)


@pytest.mark.parametrize(
    ("attribute", "error", "message"),
    [
        ("drwa", ConfigError, r"has no attribute 'drwa'; got .*my_gan\.py:drwa\. Did you mean 'draw'"),
        ("Model.Iner", ConfigError, r"Model has no attribute 'Iner'.*Did you mean 'Inner'"),
        ("Needs", SamplerRaised, r"when it was called without arguments; got TypeError"),
        ("broken", SamplerRaised, r"got SystemExit: 3"),
        ("nothing", ConfigError, "something that samples can come from; got NoneType"),
    ],
)
def test_code_that_does_not_answer_is_reported(code: Path, attribute: str, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        draw(f"{code}:{attribute}")


def test_code_that_does_not_import_is_reported(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import no_such_module_at_all\n")
    with pytest.raises(
        SamplerRaised, match=r"import without an error; got .*bad\.py:x: ModuleNotFoundError: .*no_such"
    ):
        open_sampler(f"{tmp_path}/bad.py:x")
    (tmp_path / "bad.py").write_text("raise SystemExit\n")
    with pytest.raises(SamplerRaised, match="SystemExit"):
        open_sampler(f"{tmp_path}/bad.py:x")
    with pytest.raises(ConfigError, match=r"Python file of that name; got .*bed\.py:x\. Did you mean 'bad\.py'"):
        open_sampler(f"{tmp_path}/bed.py:x")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (
            "no_such_module.at.all:x",
            ConfigError,
            r"no module 'no_such_module\.at\.all'.*name the file: no_such_module/at/all\.py",
        ),
        ("numpy:no_such", ConfigError, "numpy has no attribute 'no_such'"),
        ("os:system", ConfigError, "number of samples, called one of .*got parameters command"),
        ("math:pi", ConfigError, "something that samples can come from; got float"),
        ("builtins:print", ConfigError, "readable signature|number of samples|got NoneType"),
    ],
)
def test_s19_modules_are_loaded_and_held_to_the_contract(text: str, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        open_sampler(text)


def test_latents_reach_modules_that_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", sys.path.copy())
    (tmp_path / "net.py").write_text(
        "import torch\nG = torch.nn.Linear(5, 2)\n\nclass Net(torch.nn.Linear):\n"
        "    def __init__(self):\n        super().__init__(5, 3)\n"
    )
    assert draw(f"{tmp_path}/net.py:G", latent="normal:5").shape == (2,)
    assert draw(f"{tmp_path}/net.py:Net", latent="normal:5").shape == (3,)
    with pytest.raises(ConfigError, match='Pass latent="normal:128"'):
        open_sampler(f"{tmp_path}/net.py:G")


def test_paths_that_lead_nowhere_say_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "real.npy").write_bytes(b"")
    with pytest.raises(FileFormatError, match=r"got .*reel\.npy\. Did you mean 'real\.npy'"):
        open_sampler(str(tmp_path / "reel.npy"))
    with pytest.raises(FileFormatError, match="file or folder of that name"):
        open_sampler("x" * 5000 + ".npy")


def third_party(priority: int = 0, **changes: object) -> SamplerSpec:
    spec = SamplerSpec(
        name="theirs",
        summary="",
        accepts=lambda source: isinstance(source, np.ndarray),
        open=lambda source, *, name=None: Law(name or "theirs"),
        priority=priority,
    )
    return replace(spec, **changes)


class WithTheirs:
    """Our adapters and one of a third party."""

    def __init__(self, spec: SamplerSpec | None) -> None:
        self.spec = spec

    def names(self) -> tuple[str, ...]:
        return (*SAMPLERS.names(), "theirs")

    def get(self, name: str) -> SamplerSpec:
        if name != "theirs":
            return SAMPLERS.get(name)
        if self.spec is None:
            raise ImportError("libtheirs.so")
        return self.spec


def test_an_adapter_of_a_third_party_comes_before_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.zeros((60, 2))
    assert open_sampler(rows).name == "array"
    monkeypatch.setattr(sources, "SAMPLERS", WithTheirs(third_party()))
    assert open_sampler(rows).name == "theirs"
    with pytest.raises(ConfigError, match="`lag` is not an option of sources of kind theirs"):
        open_sampler(rows, lag=1)
    monkeypatch.setattr(sources, "SAMPLERS", WithTheirs(third_party(priority=-99)))
    assert open_sampler(rows).name == "array"


def test_a_broken_adapter_of_a_third_party_is_named_where_nothing_else_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "SAMPLERS", WithTheirs(None))
    assert open_sampler(np.zeros((60, 2))).name == "array"
    with pytest.raises(ConfigError, match=r"adapters that do not load: theirs: ImportError: libtheirs\.so"):
        open_sampler(object())


def test_every_adapter_carries_its_name_and_refuses_nonsense_quickly() -> None:
    for spec in SAMPLERS:
        assert not spec.accepts(None)
        assert not spec.accepts(3)
        assert not spec.accepts(Path("no-such-thing.xyz"))


def test_a_class_is_not_a_source() -> None:
    with pytest.raises((ConfigError, SamplerContractError), match="something that samples can come from"):
        open_sampler(np.ndarray)


def test_every_built_in_of_this_checkout_opens_and_draws() -> None:
    for spec in sources.DATASETS:
        samples = draw(f"{spec.scheme}:{spec.name}", 7)
        assert len(samples) == 7
        assert samples.lag >= 1
        assert samples.source == f"{spec.scheme}:{spec.name}"


def test_a_sampler_that_is_opened_twice_draws_what_it_draws_when_opened_once() -> None:
    for source in ("toy:ring8", "data:digits?split=test", np.arange(60.0).reshape(30, 2)):
        once = open_sampler(source)
        twice = open_sampler(open_sampler(once))
        first, second = (s.sample(20, rng=np.random.default_rng(3)).matrix() for s in (once, twice))
        np.testing.assert_array_equal(first, second)
