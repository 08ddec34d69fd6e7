"""Hugging Face data sets by what they have: a stand-in always, the library itself where it is installed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from nasty_images import encoded, with_orientation
from PIL import Image as Pillow

from gandiag.core.classes import class_code
from gandiag.core.samples import SampleSet
from gandiag.errors import ConfigError, ImageDecodeError, SamplerRaised, TooFewSamplesError
from gandiag.sources import open_sampler

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 4, 5, 3)).astype(np.uint8)


@dataclass
class Image:
    """Named like the library's feature."""

    decode: bool = True


@dataclass
class ClassLabel:
    names: list[str]


class Value:
    pass


class Fake:
    """A data set of dicts as the library has them."""

    def __init__(self, columns: dict[str, list[Any]], features: dict[str, Any]) -> None:
        self.columns, self.features = columns, features
        self.column_names = list(columns)

    def with_format(self, kind: str) -> Fake:
        return self

    def cast_column(self, column: str, feature: Any) -> Fake:
        return Fake(self.columns, {**self.features, column: feature})

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, at: int | str) -> Any:
        if isinstance(at, str):
            return [self[i][at] for i in range(len(self))]
        return {column: self._read(column, values[at]) for column, values in self.columns.items()}

    def _read(self, column: str, value: Any) -> Any:
        feature = self.features.get(column)
        if isinstance(feature, Image) and feature.decode:
            return Pillow.open(io.BytesIO(value["bytes"]))
        return value


class Streamed:
    """A set without a length."""

    def __init__(self, inner: Fake) -> None:
        self.inner, self.features, self.column_names = inner, inner.features, inner.column_names

    def with_format(self, kind: str) -> Streamed:
        return self

    def cast_column(self, column: str, feature: Any) -> Streamed:
        return Streamed(self.inner.cast_column(column, feature))

    def __iter__(self) -> Iterator[Any]:
        return (self.inner[at] for at in range(len(self.inner)))


def stored(pixels: np.ndarray = PIXELS, form: str = "PNG", **options: Any) -> list[dict[str, Any]]:
    return [{"bytes": encoded(p, form, **options), "path": None} for p in pixels]


def labelled() -> Fake:
    columns = {"image": stored(), "label": [0, 1, 1, 0, 1, 1], "caption": list("abcdef")}
    return Fake(columns, {"image": Image(), "label": ClassLabel(["cat", "dog"]), "caption": Value()})


def in_order(source: object, n: int, **options: object) -> tuple[np.ndarray, SampleSet]:
    samples = open_sampler(source, **options).sample(n, rng=np.random.default_rng(0))
    rows = np.empty_like(samples.values)
    rows[np.random.default_rng(0).permutation(n)] = samples.values
    return rows, samples


def test_the_image_column_is_found_and_classes_are_read_by_name() -> None:
    rows, samples = in_order(labelled(), 6)
    np.testing.assert_array_equal(rows, PIXELS)
    order = np.random.default_rng(0).permutation(6)
    expected = np.array([class_code(name) for name in ["cat", "dog", "dog", "cat", "dog", "dog"]])
    np.testing.assert_array_equal(samples.labels, expected[order])
    assert "images of the column 'image'" in samples.notes
    assert samples.value_range == (0.0, 255.0)
    assert in_order(labelled(), 6, classes="none")[1].labels is None


@pytest.mark.parametrize("kind", [np.int64, torch.tensor])
def test_classes_have_their_names_in_every_format_of_the_set(kind: Any) -> None:
    """A set in the format of NumPy or torch gives numbers of theirs, and had lost its names."""
    columns = {"image": stored(), "label": [kind(code) for code in (0, 1, 1, 0, 1, -1)]}
    found = in_order(Fake(columns, {"image": Image(), "label": ClassLabel(["cat", "dog"])}), 6)[1]
    names = [class_code(name) for name in ["cat", "dog", "dog", "cat", "dog"]]
    order = np.random.default_rng(0).permutation(6)
    # Negative control: -1 means that nobody knows the class, and is the name of none.
    np.testing.assert_array_equal(found.labels, np.array([*names, -1])[order])


def test_b25_stored_bytes_follow_our_rules_and_not_those_of_the_library() -> None:
    columns = {"image": stored(PIXELS[:1], exif=with_orientation(6).tobytes())}
    source = Fake(columns, {"image": Image()})
    np.testing.assert_array_equal(in_order(source, 1)[0], PIXELS[:1])
    np.testing.assert_array_equal(in_order(source, 1, orientation="upright")[0][0], np.rot90(PIXELS[0], -1))
    broken = Fake({"image": [{"bytes": b"x", "path": None}]}, {"image": Image()})
    with pytest.raises(ImageDecodeError, match="row 0 must be a whole image"):
        in_order(broken, 1)
    empty = Fake({"image": [None]}, {"image": Image()})
    with pytest.raises(ImageDecodeError, match="row 0 of Fake must hold an image; got None"):
        in_order(empty, 1)


def test_images_that_are_stored_as_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(PIXELS[0], "PNG"))
    source = Fake({"image": [{"bytes": None, "path": str(tmp_path / "a.png")}]}, {"image": Image()})
    np.testing.assert_array_equal(in_order(source, 1)[0][0], PIXELS[0])


def test_several_columns_need_a_key() -> None:
    source = Fake({"a": stored(), "b": stored(255 - PIXELS)}, {"a": Image(), "b": Image()})
    with pytest.raises(ConfigError, match="several columns, so key= must name the one with the samples; got a, b"):
        open_sampler(source)
    np.testing.assert_array_equal(in_order(source, 6, key="b")[0], 255 - PIXELS)
    with pytest.raises(ConfigError, match="has no such column; got c"):
        open_sampler(source, key="c")
    with pytest.raises(TooFewSamplesError, match="must hold at least one sample"):
        open_sampler(Fake({"image": []}, {"image": Image()}))


def test_columns_of_numbers_are_vectors() -> None:
    rows = RNG.normal(size=(30, 3))
    source = Fake({"x": rows.tolist(), "label": [0, 1] * 15}, {"x": Value(), "label": ClassLabel(["a", "b"])})
    found, samples = in_order(source, 30)
    np.testing.assert_array_equal(found, rows)
    assert samples.labels is not None


def test_all_splits_at_once_are_refused_with_their_names() -> None:
    class Splits(dict[str, Fake]):
        column_names: ClassVar[dict[str, list[str]]] = {}

        def with_format(self, kind: str) -> Splits:
            return self

    with pytest.raises(ConfigError, match=r"several splits, and one is a source; got train, test\. Pass one of them"):
        open_sampler(Splits(train=labelled(), test=labelled()))


def test_streamed_sets_are_read_in_their_order() -> None:
    for _ in range(2):
        samples = open_sampler(Streamed(labelled())).sample(4, rng=RNG)
        np.testing.assert_array_equal(samples.values, PIXELS[:4])
        np.testing.assert_array_equal(samples.labels, [class_code(c) for c in ("cat", "dog", "dog", "cat")])
    assert open_sampler(Streamed(labelled())).size is None


def test_what_the_set_raises_is_said() -> None:
    source = labelled()
    source.cast_column = lambda *a: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(SamplerRaised, match="ZeroDivisionError"):
        open_sampler(source)


def test_the_library_itself(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    if not hasattr(datasets, "Dataset"):
        pytest.skip("datasets is a folder of tests")
    features = datasets.Features({"img": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    source = datasets.Dataset.from_dict({"img": stored(), "label": [0, 1, 1, 0, 1, 1]}, features=features)
    rows, samples = in_order(source, 6)
    np.testing.assert_array_equal(rows, PIXELS)
    assert set(samples.labels) == {class_code("cat"), class_code("dog")}
    turned = {"img": stored(PIXELS[:1], exif=with_orientation(6).tobytes()), "label": [0]}
    np.testing.assert_array_equal(in_order(datasets.Dataset.from_dict(turned, features=features), 1)[0], PIXELS[:1])
    streamed = open_sampler(source.to_iterable_dataset()).sample(3, rng=RNG)
    np.testing.assert_array_equal(streamed.values, PIXELS[:3])
