"""Against peers that are not installed here: their values, frozen with the script and the version that made them."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from agreement import agrees, close, exactly
from frozen_values import FOLDER, Matrix, checksum, frozen, logits, shifted_normals

from gandiag.metrics.energy import energy_distance
from gandiag.metrics.inception_score import inception_score
from gandiag.metrics.kid import kernel_distance
from gandiag.metrics.sinkhorn import sinkhorn_divergence
from gandiag.metrics.vendi import vendi_score
from gandiag.numerics.distances import pooled_distances
from gandiag.numerics.diversity import effective_number, kernel_eigenvalues
from gandiag.numerics.frechet_distance import frechet_from_moments
from gandiag.numerics.graphs import spanning_tree
from gandiag.numerics.kernels import biased_mmd2, gaussian_kernel
from gandiag.numerics.moments import Moments

PAIRS = [(40, 40), (30, 20)]
PEERS = sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize("peer", PEERS)
def test_a_frozen_file_names_what_made_it(peer: str) -> None:
    found = json.loads((FOLDER / f"{peer}.json").read_text())
    assert found["version"].count(".") == 2
    assert (FOLDER.parents[2] / found["script"]).is_file()


def hyppo(n: int, m: int) -> tuple[Matrix, Matrix, dict[str, Any]]:
    real, fake = shifted_normals(n, m)
    values = frozen("hyppo")[f"{n} and {m}"]
    assert checksum(real, fake) == pytest.approx(values["checksum"], rel=1e-14)
    return real, fake, values


# -- torchmetrics


def streamed(rows: Matrix, batch: int = 32) -> Moments:
    state = Moments.empty(rows.shape[1])
    for start in range(0, len(rows), batch):
        state = state.update(rows[start : start + batch])
    return state


def torchmetrics() -> tuple[Matrix, Matrix, dict[str, Any]]:
    real, fake = shifted_normals(200, 150, 5)
    values = frozen("torchmetrics")
    assert checksum(real, fake, logits()) == pytest.approx(values["checksum"], rel=1e-14)
    return real, fake, values


@pytest.mark.differential("D04")
def test_the_streamed_frechet_distance_where_rows_are_centred() -> None:
    real, fake, values = torchmetrics()
    agrees(frechet_from_moments(streamed(real), streamed(fake)), values["frechet"]["0.0"], rel=1e-8)


@pytest.mark.differential("D04")
@pytest.mark.parametrize("offset", [1e6, 1e8])
def test_the_streamed_frechet_distance_far_from_the_origin_where_raw_moments_fail(offset: float) -> None:
    real, fake, values = torchmetrics()
    ours = frechet_from_moments(streamed(real + offset), streamed(fake + offset))
    # Adding the offset rounds the rows themselves at a relative 1e-16 of it.
    agrees(ours, values["frechet"]["0.0"], rel=1e-16 * offset * 100)
    assert not close(values["frechet"][str(offset)], values["frechet"]["0.0"], rel=1e-5)
    assert values["frechet"]["100000000.0"] > 1.9 * values["frechet"]["0.0"]


@pytest.mark.differential("D05")
def test_the_kernel_distance_of_all_rows() -> None:
    real, fake, values = torchmetrics()
    agrees(kernel_distance(real[:150], fake)[0], values["kernel"], rel=1e-9)


@pytest.mark.differential("D07")
def test_the_inception_score() -> None:
    _, _, values = torchmetrics()
    rows = np.exp(logits())
    agrees(inception_score(rows / rows.sum(axis=1, keepdims=True)), values["inception_score"], rel=1e-12)


# -- hyppo


@pytest.mark.differential("D15")
@pytest.mark.parametrize(("n", "m"), PAIRS)
def test_hyppos_energy_statistic_is_a_root_by_mistake(n: int, m: int) -> None:
    """Its distance covariance became a root, and the factor between that and the energy stayed: it is to be undone."""
    real, fake, values = hyppo(n, m)
    factor = (n + m) ** 4 / (2 * n**2 * m**2)
    agrees(energy_distance(real, fake), values["energy"] ** 2 / factor, rel=1e-12)
    assert values["energy"] > 3 * energy_distance(real, fake)
    if values["disco"] is not None:  # N / 2 times as many sides: the root of the same covariance
        agrees(energy_distance(real, fake), (values["disco"] / (n + m)) ** 2 * factor, rel=1e-12)


@pytest.mark.differential("D06")
@pytest.mark.parametrize(("n", "m"), PAIRS)
def test_hyppos_discrepancy_is_the_root_of_a_correlation(n: int, m: int) -> None:
    """It divides by both spreads, takes the root, and multiplies by what it should divide by: all to be undone."""
    real, fake, values = hyppo(n, m)
    pool = np.concatenate([real, fake])
    kernel = gaussian_kernel(pooled_distances(pool), math.sqrt(0.5 / 0.3))
    ours = float(biased_mmd2(kernel, (np.arange(n + m) < n)[:, None])[0])
    centred = kernel - kernel.mean(axis=0) - kernel.mean(axis=1)[:, None] + kernel.mean()
    correlation = ours * n * m / (n + m) / np.linalg.norm(centred)
    agrees(correlation, (values["mmd"] / (2 * n**2 * m**2 / (n + m) ** 4)) ** 2, rel=1e-11)
    assert not close(ours, values["mmd"], rel=0.05)


@pytest.mark.parametrize(("n", "m"), PAIRS)
def test_hyppos_runs_are_the_joining_edges_and_one(n: int, m: int) -> None:
    real, fake, values = hyppo(n, m)
    labels = (np.arange(n + m) < n)[:, None]
    for scale, runs in values["runs"].items():
        edges = spanning_tree(np.concatenate([real, fake]) * float(scale)).cross_edges(labels)[0]
        exactly(edges + 1, values["runs"]["1.0"])
        # Its tree has no edge longer than 9 999 999, so the unit of the data decides.
        assert runs == values["runs"]["1.0"] if scale == "1.0" else runs < values["runs"]["1.0"]
    assert values["runs_of_a_column_of_labels"] == 1  # the shape that its documentation asks for


# -- geomloss


def geomloss() -> tuple[Matrix, Matrix, dict[str, Any]]:
    real, fake = shifted_normals(30, 20, 2)
    values = frozen("geomloss")
    assert checksum(real, fake) == pytest.approx(values["checksum"], rel=1e-14)
    return real, fake, values


def test_geomloss_annealed_sinkhorn_divergence() -> None:
    """Half squared distances at epsilon = blur^2: half of ours at twice the epsilon. The finer annealing is nearer."""
    real, fake, values = geomloss()
    ours = sinkhorn_divergence(real, fake, 2 * values["blur"] ** 2) / 2
    agrees(ours, values["sinkhorn"]["0.999"], rel=1e-6)
    assert not close(ours, values["sinkhorn"]["0.9"], rel=1e-5)
    assert not close(sinkhorn_divergence(real, fake, values["blur"] ** 2), values["sinkhorn"]["0.999"], rel=0.01)


@pytest.mark.differential("D15", "D06")
def test_geomloss_energy_and_gaussian_losses_are_halves() -> None:
    """It takes every distance for at least 1e-4, that of a row from itself too, and so loses mass on the diagonal."""
    real, fake, values = geomloss()
    kernel = gaussian_kernel(pooled_distances(np.concatenate([real, fake])), values["blur"])
    biased = float(biased_mmd2(kernel, (np.arange(50) < 30)[:, None])[0])
    clamped = energy_distance(real, fake) - 1e-4 * (1 / 30 + 1 / 20)
    agrees([clamped / 2, biased / 2], [values["energy"], values["gaussian"]], rel=1e-11)
    assert not close(energy_distance(real, fake) / 2, values["energy"], rel=1e-5)


# -- vendi-score


@pytest.mark.parametrize("q", [0.5, 1.0, 2.0, math.inf])
def test_vendi_scores_of_every_order_by_both_routes(q: float) -> None:
    rows, _ = shifted_normals(30, 30, 4)
    values = frozen("vendi_score")
    assert checksum(rows) == pytest.approx(values["checksum"], rel=1e-14)
    name = "inf" if q == math.inf else f"{q:g}"
    agrees(vendi_score(rows, q), values["dual"][name], rel=1e-12)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    agrees(effective_number(kernel_eigenvalues(unit @ unit.T), q), values["dual"][name], rel=1e-10)
