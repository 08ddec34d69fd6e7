"""Digits, their halves, stacks and domains."""

from __future__ import annotations

import numpy as np
import pytest
from dataset_checks import check_shares

from gandiag.core.specs import DATASETS
from gandiag.datasets._finite import digits, split_rows
from gandiag.datasets.domains import MAPS, true_map
from gandiag.errors import ConfigError, SamplerExhausted


def check_split(train: np.ndarray, test: np.ndarray) -> None:
    """Disjoint, complete, and each class halved to within one row."""
    assert (len(train), len(test)) == (899, 898)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(1797))
    _, labels = digits("all")
    gap = np.bincount(labels[train], minlength=10) - np.bincount(labels[test], minlength=10)
    assert np.abs(gap).max() <= 1, gap


def test_the_halves_are_disjoint_complete_and_stratified() -> None:
    check_split(split_rows("train"), split_rows("test"))
    shuffled = np.random.default_rng(0).permutation(1797)
    with pytest.raises(AssertionError, match="<= 1"):
        check_split(shuffled[:899], shuffled[899:])
    with pytest.raises(AssertionError, match="Arrays are not equal"):
        check_split(split_rows("train"), split_rows("train")[:898])


def test_the_halves_are_no_run_of_the_original_order() -> None:
    """The file is in the order of the writers: halves by position would hold different people."""
    train = split_rows("train")
    assert 0.4 < np.mean(train < 898) < 0.6


@pytest.mark.parametrize(("split", "size"), [("all", 1797), ("train", 899), ("test", 898)])
def test_digits_are_images_of_seventeen_grey_levels(split: str, size: int) -> None:
    law = DATASETS.get("digits").open(split=split)
    samples = law.sample(size, rng=np.random.default_rng(0))
    assert law.size == size
    assert (samples.kind, samples.shape, samples.value_range) == ("image", (8, 8), (0.0, 16.0))
    assert samples.values.min() == 0
    assert samples.values.max() == 16
    assert samples.labels is not None
    assert set(samples.labels) == set(range(10))


def test_digits_are_drawn_once_each_with_their_labels() -> None:
    images, labels = digits("all")
    samples = DATASETS.get("digits").open().sample(1797, rng=np.random.default_rng(0))
    order = np.lexsort(samples.matrix().T)
    expected = np.lexsort(images.reshape(1797, -1).T)
    np.testing.assert_array_equal(samples.matrix()[order], images.reshape(1797, -1)[expected])
    assert samples.labels is not None
    np.testing.assert_array_equal(samples.labels[order], labels[expected])
    assert (samples.labels[:50] != labels[:50]).any()  # in random order


def test_digits_end() -> None:
    with pytest.raises(SamplerExhausted, match=r"898 of 899.*never drawn twice"):
        DATASETS.get("digits").open(split="test").sample(899, rng=np.random.default_rng(0))


def test_samples_do_not_share_memory_with_the_data_set() -> None:
    values = DATASETS.get("digits").open().sample(1797, rng=np.random.default_rng(0)).values
    assert not np.shares_memory(values, digits("all")[0])


def test_stacked_digits_are_labelled_by_their_channels() -> None:
    images, labels = digits("test")
    known = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    samples = DATASETS.get("stacked_digits").open(split="test").sample(40, rng=np.random.default_rng(0))
    assert samples.shape == (8, 8, 3)
    assert samples.labels is not None
    for row, label in zip(samples.values, samples.labels, strict=True):
        a, b, c = (known[np.ascontiguousarray(row[:, :, channel]).tobytes()] for channel in range(3))
        assert label == 100 * a + 10 * b + c


def test_stacked_digits_hold_a_thousand_modes_in_known_shares() -> None:
    law = DATASETS.get("stacked_digits").open()
    assert law.class_shares.sum() == pytest.approx(1, abs=1e-12)
    labels = law.sample(26_000, rng=np.random.default_rng(0)).labels
    # With 26 000 draws of 1 000 even modes, e^-26 * 1000 are missed on average: none.
    assert len(np.unique(labels)) == 1000
    check_shares(np.bincount(labels, minlength=1000), law.class_shares)


@pytest.mark.parametrize("kind", sorted(MAPS))
def test_domain_b_is_the_map_of_the_other_half(kind: str) -> None:
    rng = np.random.default_rng(0)
    a = DATASETS.get("domains").open(side="a", kind=kind).sample(899, rng=rng)
    b = DATASETS.get("domains").open(side="b", kind=kind).sample(898, rng=rng)
    mapped = true_map(digits("test")[0], kind)
    assert {x.tobytes() for x in b.values} == {x.tobytes() for x in mapped}
    assert {x.tobytes() for x in a.values} == {x.tobytes() for x in digits("train")[0]}
    assert b.value_range == (0.0, 16.0)
    assert b.values.min() >= 0
    assert b.values.max() <= 16
    assert not np.array_equal(mapped, digits("test")[0])


def test_no_pair_exists_between_the_domains() -> None:
    a, _ = digits("train")
    b = DATASETS.get("domains").open(side="b", kind="invert").sample(898, rng=np.random.default_rng(0)).values
    assert not {x.tobytes() for x in a} & {x.tobytes() for x in 16.0 - b}


def test_the_maps_do_what_they_say() -> None:
    dot = np.zeros((1, 8, 8))
    dot[0, 2, 4] = 16.0
    assert true_map(dot, "invert")[0, 2, 4] == 0
    assert true_map(dot, "invert").sum() == 16 * 63
    assert np.argwhere(true_map(dot, "rotate")[0]).tolist() == [[3, 2]]
    assert np.argwhere(true_map(dot, "shift")[0]).tolist() == [[2, 5]]
    cross = [[1, 4], [2, 3], [2, 4], [2, 5], [3, 4]]
    assert np.argwhere(true_map(dot, "thicken")[0]).tolist() == cross
    assert true_map(dot, "box")[0, :3, :3].min() == 16
    assert true_map(dot, "box").sum() == 16 * 10


def test_an_unknown_map_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"`kind` must be one of box, invert.*Did you mean 'rotate'"):
        true_map(np.zeros((1, 8, 8)), "rotation")


def test_the_thirds_are_disjoint_complete_and_stratified() -> None:
    parts = [split_rows(name) for name in ("third1", "third2", "third3")]
    assert [len(part) for part in parts] == [599, 599, 599]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(1797))
    _, labels = digits("all")
    counts = np.array([np.bincount(labels[part], minlength=10) for part in parts])
    assert (np.ptp(counts, axis=0) <= 1).all()
