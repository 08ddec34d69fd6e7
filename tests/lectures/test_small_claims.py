"""Claims of the lectures that no other test holds: each against arithmetic that fits in a few lines."""

from __future__ import annotations

import hashlib
import heapq
import itertools
import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from gandiag.lab.cells import View
from gandiag.metrics.wasserstein import wasserstein_distance
from gandiag.numerics.divergences import jensen_shannon, kullback_leibler, total_variation
from reference_models.core.data import Units
from reference_models.core.rng import Keys
from reference_models.models.cyclegan import CycleGAN, CycleGANConfig
from reference_models.oracles.metropolis import imbalance, stationary, transition
from reference_models.oracles.optimal_discriminator import optimal_value

Law = np.ndarray


def laws(seed: int, values: int = 5) -> list[Law]:
    return list(np.random.default_rng(seed).dirichlet(np.ones(values), size=2))


@pytest.mark.parametrize("seed", range(5))
def test_in_function_space_a_generator_that_descends_arrives(seed: int) -> None:
    """Multiplicative steps down ``2 JSD - log 4``, whose gradient in q is ``log(2 q / (p + q))`` for the best D."""
    p, q = laws(seed)
    values = [optimal_value(p, q)]
    for _ in range(200):
        q = q * np.sqrt((p + q) / (2 * q))
        q /= q.sum()
        values.append(optimal_value(p, q))
    assert (np.diff(values) <= 1e-12).all()
    assert values[0] > -math.log(4) + 1e-3
    assert values[-1] == pytest.approx(-math.log(4), abs=1e-9)
    np.testing.assert_allclose(q, p, atol=1e-6)
    # Up the same slope it runs away.
    away = q * np.array([1.1, 1, 1, 1, 1]) / (q * np.array([1.1, 1, 1, 1, 1])).sum()
    worse = away / np.sqrt((p + away) / (2 * away))
    assert optimal_value(p, worse / worse.sum()) > optimal_value(p, away)


def test_the_likeliest_model_is_the_one_of_least_divergence() -> None:
    p, _ = laws(0, 3)
    models = np.array(
        [np.r_[a, b, 1 - a - b] for a in np.linspace(0.01, 0.98, 98) for b in np.linspace(0.005, 0.01, 2)]
    )
    models = np.concatenate([models, [p]])
    likelihood = np.log(models) @ p
    divergence = np.array([kullback_leibler(p, q) for q in models])
    assert likelihood.argmax() == divergence.argmin() == len(models) - 1
    np.testing.assert_allclose(likelihood + divergence, p @ np.log(p), atol=1e-12)
    # The other direction orders the models otherwise.
    other = np.array([kullback_leibler(q, p) for q in models])
    assert (np.argsort(other) != np.argsort(divergence)).any()


def test_likelihood_is_efficient_and_shrinking_still_beats_it() -> None:
    """Median against mean: pi / 2 in the limit. James and Stein: ``1 - (d - 2) / |x|^2`` is nearer."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(8000, 201))
    assert np.median(rows, axis=1).var() / rows.mean(axis=1).var() == pytest.approx(math.pi / 2, rel=0.06)
    for length in (0.0, 2.0, 4.0):
        truth = np.full(10, length / math.sqrt(10))
        x = truth + rng.normal(size=(20_000, 10))
        shrunk = (1 - 8 / (x**2).sum(axis=1, keepdims=True)) * x
        gain = ((x - truth) ** 2).sum(axis=1) - ((shrunk - truth) ** 2).sum(axis=1)
        assert gain.mean() > 5 * gain.std() / math.sqrt(20_000)


def code_lengths(q: Law) -> Law:
    """Lengths of Huffman's code for a law."""
    tie = itertools.count()
    heap = [(float(w), next(tie), [i]) for i, w in enumerate(q)]
    lengths = np.zeros(len(q))
    heapq.heapify(heap)
    while len(heap) > 1:
        (a, _, ones), (b, _, others) = heapq.heappop(heap), heapq.heappop(heap)
        lengths[ones + others] += 1
        heapq.heappush(heap, (a + b, next(tie), ones + others))
    return lengths


def test_the_likelier_model_packs_shorter() -> None:
    p = 0.8 ** np.arange(16) / (0.8 ** np.arange(16)).sum()
    models = {"likely": 0.75 ** np.arange(16), "unlikely": 0.8 ** np.arange(16)[::-1]}
    packed = {}
    for name, weights in models.items():
        q = weights / weights.sum()
        lengths = code_lengths(q)
        assert (2.0**-lengths).sum() == pytest.approx(1.0)
        assert -q @ np.log2(q) <= q @ lengths < -q @ np.log2(q) + 1
        packed[name] = float(p @ lengths), float(-p @ np.log2(q))
    assert packed["likely"][0] < packed["unlikely"][0]
    assert packed["likely"][1] < packed["unlikely"][1]
    assert packed["likely"][0] == pytest.approx(packed["likely"][1], abs=1)


def test_the_symmetric_divergence_is_another_one() -> None:
    for seed in range(20):
        p, q = laws(seed)
        jeffreys = kullback_leibler(p, q) + kullback_leibler(q, p)
        assert jensen_shannon(p, q) <= min(math.log(2), jeffreys / 4) + 1e-12
    # It has no bound, where JSD keeps below log 2.
    p, q = np.array([1 - 1e-9, 1e-9]), np.array([1e-9, 1 - 1e-9])
    assert kullback_leibler(p, q) + kullback_leibler(q, p) > 40
    assert jensen_shannon(p, q) < math.log(2)


def test_memorising_raises_the_training_likelihood_alone() -> None:
    train, held_out = np.random.default_rng(0).normal(size=(2, 100))

    def likelihood(rows: Law, width: float) -> float:
        logs = -(((rows[:, None] - train) / width) ** 2) / 2 - math.log(100 * width * math.sqrt(2 * math.pi))
        return float(logsumexp(logs, axis=1).mean())

    widths = [0.3, 0.03, 0.003, 0.0003]
    seen, unseen = ([likelihood(rows, width) for width in widths] for rows in (train, held_out))
    assert (np.diff(seen) > 0).all()
    assert (np.diff(unseen) < 0).all()
    assert unseen[0] == pytest.approx(-0.5 * math.log(2 * math.pi * math.e), abs=0.2)


def test_a_list_that_is_eaten_while_it_is_read_is_not_a_law() -> None:
    """The counting of GAN Lab, retold: turn i takes 2 i + 2 numbers from place 2 i of what is left, and uses two."""

    def counted(points: int, turns: int) -> int:
        left, seen = list(range(2 * points)), 0
        for i in range(turns):
            taken = left[2 * i : 4 * i + 2]
            del left[2 * i : 4 * i + 2]
            seen += len(taken) >= 2
        return seen

    # 450 of the 12 000 points have gone to the picture before.
    assert counted(12_000 - 450, 450) == 151
    assert counted(12_000 - 450, 450) / 450 == pytest.approx(0.336, abs=5e-4)
    # Ours counts every row, wherever it lies.
    rows = np.random.default_rng(0).normal(0.5, 0.5, size=(450, 2))
    counts = View(low=(0.0, 0.0), side=1.0, cells=30).counts(rows)
    assert counts.sum() == 450
    assert counts[-1] == ((rows < 0) | (rows >= 1)).any(axis=1).sum() > 0


def test_each_discriminator_judges_images_of_its_own_domain() -> None:
    """Real b and G(a) go to D_B, real a and F(b) to D_A: the domains are told apart by their brightness."""
    units = Units(shape=(1, 8, 8), kind="image", channels_last=False, low=0.0, high=1.0, scale="unit")
    model = CycleGAN(CycleGANConfig(width=4), units, Keys(0))
    shown: dict[str, list[torch.Tensor]] = {"D_A": [], "D_B": []}
    made: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = {"G": [], "F": []}
    a, b = (torch.full((4, 1, 8, 8), level) for level in (-0.5, 0.5))
    for name, seen in shown.items():
        getattr(model, name).register_forward_pre_hook(lambda _, x, seen=seen: seen.append(x[0].detach().clone()))
    for name, outs in made.items():
        getattr(model, name).register_forward_hook(lambda _, x, y, outs=outs: outs.append((x[0].detach(), y.detach())))
    model.step(lambda domain: (a, b)[domain], Keys(0, 0))  # type: ignore[arg-type]
    for judge, translator, source, real in (("D_B", "G", a, b), ("D_A", "F", b, a)):
        fake = next(y for x, y in made[translator] if torch.equal(x, source))
        assert any(torch.equal(x, real) for x in shown[judge])
        assert any(torch.equal(x, fake) for x in shown[judge])
        assert not any(torch.equal(x, source) for x in shown[judge])


def test_least_squares_answers_where_no_answer_lies() -> None:
    answers = np.r_[np.full(500, -1.0), np.full(500, 1.0)]
    grid = np.linspace(-1, 1, 201)
    best = grid[np.argmin([((answers - t) ** 2).mean() for t in grid])]
    assert best == pytest.approx(0.0, abs=1e-9)
    assert np.abs(answers - best).min() == pytest.approx(1.0)
    # A drawn answer is always one of the two, at twice the squared error.
    drawn = np.random.default_rng(0).permutation(answers)
    assert ((answers - drawn) ** 2).mean() == pytest.approx(2 * ((answers - best) ** 2).mean(), rel=0.1)


def test_a_walk_in_proportion_to_its_neighbours_rests_elsewhere() -> None:
    rng = np.random.default_rng(0)
    graph = np.triu(rng.random((8, 8)) < 0.4, 1)
    graph |= np.eye(8, k=1, dtype=bool)  # connected, with unequal degrees
    graph |= graph.T
    target = rng.dirichlet(np.ones(8))
    mass = graph @ target
    walk = graph * target / mass[:, None]
    np.testing.assert_allclose(stationary(walk), target * mass / (target @ mass), atol=1e-12)
    assert total_variation(stationary(walk), target) > 0.05
    # One constant for all nodes, staying with what is left over, or Metropolis' acceptance: at the target.
    lazy = graph * target / mass.max()
    lazy = lazy + np.diag(1 - lazy.sum(axis=1))
    for right in (lazy, transition(graph.astype(float), target)):
        assert imbalance(right, target) < 1e-15
        np.testing.assert_allclose(stationary(right), target, atol=1e-10)


def test_a_needle_takes_as_many_questions_as_there_are_values() -> None:
    """Eight zero bits: 256 questions between two finds, 65 finds in 16 640; the standard error is an eighth."""
    found = [i for i in range(16_640) if hashlib.sha256(str(i).encode()).digest()[0] == 0]
    assert 16_640 / len(found) == pytest.approx(256, rel=0.5)
    # Two bytes: rarer by 256, and the finds among these are hardly one.
    assert sum(hashlib.sha256(str(i).encode()).digest()[:2] == b"\0\0" for i in range(16_640)) <= 3


@pytest.mark.parametrize("seed", range(5))
def test_bounded_discriminators_attain_the_total_variation(seed: int) -> None:
    p, q = laws(seed, 6)
    gains = [np.array(d) @ (p - q) for d in itertools.product((0.0, 1.0), repeat=6)]
    assert max(gains) == pytest.approx(total_variation(p, q), abs=1e-12)
    assert 2 * abs(0.5 * (1 + max(gains)) - 0.5) == pytest.approx(total_variation(p, q), abs=1e-12)
    assert np.sort(gains)[-2] < max(gains)


def test_the_floor_of_transport_grows_with_the_dimension_and_a_shift_is_seen() -> None:
    rng = np.random.default_rng(0)

    def between(d: int, shift: float) -> float:
        return wasserstein_distance(rng.normal(size=(100, d)), rng.normal(size=(100, d)) + shift) / math.sqrt(d)

    floors = [np.mean([between(d, 0.0) for _ in range(5)]) for d in (1, 8, 64)]
    assert floors[0] < 0.3 < 0.6 < floors[1] < 1.0 < floors[2]
    # In units of its floor's spread a shift by one deviation in every column is far beyond, in 64 columns too.
    null = np.array([between(64, 0.0) for _ in range(20)])
    assert between(64, 1.0) > null.mean() + 10 * null.std()
