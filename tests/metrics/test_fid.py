"""FID: the Fréchet distance of Inception features, from images to the number that torch-fidelity prints."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import gandiag
from gandiag.core.comparison import Comparison
from gandiag.core.results import KnownNull
from gandiag.measuring import measured
from gandiag.metrics import _frechet
from gandiag.metrics.fid import METRIC, measure
from gandiag.metrics.frechet import frechet_distance
from gandiag.settings import Settings


def features(n: int, m: int, d: int = 64) -> Comparison:
    rng = np.random.default_rng(0)
    real, fake, fit = rng.normal(size=(n, d)), 1.2 * rng.normal(size=(m, d)) + 0.1, rng.normal(size=(n, d))
    return Comparison(real=real, fake=fake, fit=fit, features=f"inception:{d}:example")


def pictures(n: int, seed: int, tilt: float) -> NDArray[np.uint8]:
    """Stripes of random width and colour; ``tilt`` turns them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:20, :20]
    waves = [np.sin(rng.uniform(0.2, 1.5) * (x + tilt * y) + rng.uniform(0, 6)) for _ in range(n)]
    out = np.stack(waves)[..., None] * rng.uniform(0.3, 1.0, size=(n, 1, 1, 3)) * 120 + 128
    return np.clip(out, 0, 255).astype(np.uint8)


def test_it_is_the_frechet_distance_with_its_limit() -> None:
    comparison = features(600, 500)
    found = measure(comparison, rng=np.random.default_rng(0))
    assert found.estimate == pytest.approx(frechet_distance(comparison.real, comparison.fake), rel=1e-12)
    truth = 64 * (0.2**2 + 0.1**2)
    assert found.estimate > truth + 1.0
    assert found.details["infinity"]["interval"]["low"] < truth < found.details["infinity"]["interval"]["high"]


def test_features_of_another_map_are_no_fid() -> None:
    rows = features(40, 40)
    other = Comparison(real=rows.real, fake=rows.fake, fit=rows.fit, features="identity:64:x")
    result = measured(METRIC, other, settings=Settings(permutations=9))
    assert result.status == "undefined"
    assert "features='inception'" in result.reasons["estimate"]
    assert measured(METRIC, rows, settings=Settings(permutations=9)).status == "degraded"  # 40 rows for 64 columns


def test_at_many_features_a_few_relabellings_give_the_floor_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_frechet, "_MOST_OPERATIONS", 1e6)
    comparison = features(300, 300)
    equal = Comparison(real=comparison.real, fake=comparison.fit, fit=comparison.fit, features=comparison.features)
    found = measure(equal, rng=np.random.default_rng(0))
    assert isinstance(found.null, KnownNull)
    assert found.null.floor is not None
    assert found.null.floor.source == "permutation (8 relabellings)"
    assert abs(found.estimate - found.null.floor.mean) < 6 * found.null.floor.sd  # type: ignore[operator]
    assert "take minutes" in found.reasons["p_value"]
    assert measure(comparison, rng=np.random.default_rng(0)).estimate > found.null.floor.mean + 6 * found.null.floor.sd  # type: ignore[operator]


@pytest.mark.slow
def test_from_images_it_is_torch_fidelitys_number(inception_weights: Path) -> None:
    """Agree to 1e-6 on the same weights; one image left out is another number."""
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    digest = hashlib.sha256(inception_weights.read_bytes()).hexdigest()
    real, fake = pictures(16, 0, 0.2), pictures(12, 1, 2.0)
    report = gandiag.score(
        real,
        fake,
        metrics=["fid"],
        features=f"inception:{inception_weights}?sha256={digest}&device=cpu",
        permutations=9,
        seed=0,
    )
    result = report["fid"]
    assert result.status == "degraded"
    assert report.real.features == f"inception:2048:{digest[:12]}:tf-legacy:float32"
    peer = FeatureExtractorInceptionV3("peer", ["2048"], feature_extractor_weights_path=str(inception_weights))
    rows = [report.arrays[f"examples/{side}"] for side in ("real", "0")]
    sides = [peer(torch.from_numpy(np.moveaxis(side.astype(np.uint8), -1, 1).copy()))[0].double() for side in rows]
    assert [len(side) for side in sides] == [result.n_real, result.n_fake]

    def number(first: torch.Tensor, second: torch.Tensor) -> float:
        states = [fid_features_to_statistics(side) for side in (first, second)]
        return float(fid_statistics_to_metric(*states, False)["frechet_inception_distance"])

    expected = number(*sides)
    # On torch-fidelity's features the number is the same. Its own trace adds noise: up to the root of the rounding,
    # 1.5e-8 of the spread, for each of 2020 null directions.
    assert result.estimate == pytest.approx(frechet_distance(*(side.numpy() for side in sides)), rel=1e-6)
    spread = sum(float(side.var(dim=0, correction=1).sum()) for side in sides)
    noise = 2020 * np.sqrt(np.finfo(float).eps) * spread
    assert expected > 1e3 * noise
    assert result.estimate == pytest.approx(expected, abs=noise)
    assert 1.01 * result.estimate != pytest.approx(expected, abs=noise)  # type: ignore[operator]
    assert result.estimate != pytest.approx(number(sides[0], sides[1][1:]), rel=1e-3)
