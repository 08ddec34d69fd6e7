"""The stories of the VAE: each comes out in its quick form, and its verdict rejects what did not happen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from story_checks import require_told

from reference_models.oracles import ppca
from reference_models.stories import posterior_collapse, vae_blur

Spoil = Callable[[dict[str, Any]], object]
STORY = {s.STORY.name: s for s in (posterior_collapse, vae_blur)}


def sharpened(numbers: dict[str, Any]) -> None:
    numbers["detail"][2] = numbers["detail"][0]


def clean(numbers: dict[str, Any]) -> None:
    numbers["grain"][3] = numbers["grain"][2]


SPOILED: dict[str, list[Spoil]] = {
    "posterior_collapse": [
        lambda n: n.update(active=[units + 1 for units in n["active"]]),
        lambda n: n.update(elbo=[bound - 0.5 for bound in n["elbo"]]),
        lambda n: n.update(cured_active=n["active"][n["weight"].index(n["cured_weight"])]),
        lambda n: n.update(top=[n["top"][0]] * 4),
    ],
    "vae_blur": [sharpened, clean, lambda n: n.update(spectrum=[n["spectrum"][0]] * 4)],
}


@pytest.mark.parametrize("name", sorted(STORY))
def test_the_claim_comes_out_and_its_verdict_rejects_what_did_not_happen(name: str, tmp_path: Path) -> None:
    require_told(name, STORY[name].verdict, SPOILED[name], tmp_path)


def test_the_exact_staircase_is_probabilistic_pca_at_weight_one() -> None:
    units, bound = posterior_collapse.exact(1.0)
    spectrum = posterior_collapse.SPECTRUM
    assert units == int((spectrum > 1).sum()) == 4
    loadings = np.diag(np.sqrt(np.maximum(spectrum - 1, 0)))
    model = ppca.PPCA(mean=np.zeros(6), loadings=loadings, noise_variance=1.0)
    assert bound == pytest.approx(float(model.log_likelihood(posterior_collapse.rows()).mean()), abs=1e-9)
    assert all(posterior_collapse.exact(w)[1] < bound - 0.01 for w in (0.5, 2.0))


def test_rows_have_exactly_the_spectrum() -> None:
    found = np.cov(posterior_collapse.rows().T, ddof=0)
    np.testing.assert_allclose(found, np.diag(posterior_collapse.SPECTRUM), atol=1e-9)


def test_detail_and_spectrum_of_known_images() -> None:
    ramp = np.add.outer(np.arange(8.0), 2 * np.arange(8.0))[None]
    assert vae_blur.detail(ramp) == pytest.approx(0)
    board = (np.indices((8, 8)).sum(axis=0) % 2)[None].astype(float)
    assert vae_blur.detail(board) == pytest.approx(16)
    assert vae_blur.grain(board, 0 * board) == pytest.approx(0.5)
    wave = np.cos(2 * np.pi * 2 * np.arange(8) / 8)[None, :, None] * np.ones((1, 8, 8))
    power = vae_blur.spectrum(wave)
    assert int(np.argmax(power)) == 1  # two waves
    assert power[0] == pytest.approx(0, abs=1e-9)
