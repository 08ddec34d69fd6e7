"""The judge of translations: the true map passes, and every way of having no cycle error without meaning fails."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.datasets.domains import true_map
from reference_models.acceptance.bars import failed
from reference_models.oracles.translation import BARS, TOP, Images, Map, bundled, digits, judged

Pair = tuple[Map, Map]
KIND = "rotate"


def right(x: Images) -> Images:
    return true_map(x, KIND)


def home(y: Images) -> Images:
    return np.rot90(y, -1, axes=(1, 2))


def same(x: Images) -> Images:
    return x


def order(n: int) -> np.ndarray:
    return np.random.default_rng(0).permutation(n)


def permuted(x: Images) -> Images:
    return right(x)[order(len(x))]


def permuted_back(y: Images) -> Images:
    out = np.empty_like(y)
    out[order(len(y))] = home(y)
    return out


def constant(x: Images) -> Images:
    return np.broadcast_to(right(digits("test")[0][:1]), x.shape).copy()


AVERAGE = right(digits("test")[0]).mean(axis=0)


def hidden(x: Images) -> Images:
    """Show the average image, with the input hidden in the last hundredth of the grey levels."""
    return 0.99 * AVERAGE + 0.01 * x


def uncovered(y: Images) -> Images:
    return np.clip((y - 0.99 * AVERAGE) / 0.01, 0, TOP)


def shown_and_hidden(x: Images) -> Images:
    """Show the right image of other digits, with the input hidden in the grey levels."""
    return np.floor(0.9 * permuted(x)) + 0.05 * x


def read_from_hiding(y: Images) -> Images:
    return np.clip((y - np.floor(y)) / 0.05, 0, TOP)


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_true_map_passes(split: str) -> None:
    found = judged(right, home, bundled(KIND), split=split)
    assert failed(list(BARS), found) == []
    assert (found["cycle"], found["paired"], found["frechet_to_floor"]) == (0, 0, pytest.approx(1))
    assert found["label"] == found["label_of_truth"] > 0.95
    assert found["noise_growth"] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("pair", "misses"),
    [
        ((same, same), {"paired_to_offset", "paired_to_identity", "label", "frechet_to_floor"}),
        ((permuted, permuted_back), {"paired_to_identity", "label"}),
        ((constant, constant), {"cycle", "label", "frechet_to_floor"}),
        ((hidden, uncovered), {"label", "frechet_to_floor", "noise_growth"}),
        ((shown_and_hidden, read_from_hiding), {"label", "noise_growth"}),
    ],
    ids=["identity", "permutation", "constant", "hidden", "shown and hidden"],
)
def test_what_has_no_meaning_is_rejected(pair: Pair, misses: set[str]) -> None:
    found = judged(*pair, bundled(KIND))
    assert misses <= set(failed(list(BARS), found)), found


def test_no_cycle_error_proves_nothing() -> None:
    for pair in ((same, same), (permuted, permuted_back)):
        found = judged(*pair, bundled(KIND))
        assert found["cycle"] == 0.0
        assert found["noise_growth"] < 1.1
