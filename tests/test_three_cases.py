"""Three samplers that likelihood confuses, told apart from samples alone: perfect, 99 % noise, and a memoriser.

Of the second the log-likelihood is ln 100 nats below the truth whatever the dimension; of the third it is minus
infinity on held-out rows, though its samples are perfect. A suite that does not separate them is broken.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gandiag

SOURCES = ("toy:mixture?dim=10&k=5", pytest.param("toy:ring8", marks=pytest.mark.slow))
CASES = {"perfect": "ok", "1 % data, 99 % noise": "noise_mixture", "memoriser": "memorised"}


@pytest.fixture(scope="module", params=SOURCES)
def report(request: Any) -> Any:
    source = request.param
    train = gandiag.open_sampler(source).sample(300, rng=np.random.default_rng(5)).matrix()

    def memoriser(n: int, rng: np.random.Generator) -> Any:
        return train[rng.integers(len(train), size=n)]

    fakes = {"perfect": source, "1 % data, 99 % noise": f"{source}!noise=0.99", "memoriser": memoriser}
    return gandiag.score(source, fakes, train=train, n=300)


@pytest.mark.parametrize("case", CASES)
def test_each_case_is_called_by_its_name(report: Any, case: str) -> None:
    lead = {fake.name: fake.diagnoses[0] for fake in report.fakes}[case]
    assert lead.code == CASES[case], lead.sentence


def test_the_memoriser_passes_what_compares_with_real_rows_alone(report: Any) -> None:
    """Why a training set is asked for: the distance of the memoriser is about its floor."""
    results = {r.metric: r for r in report.fakes[2].results}
    assert results["moment_difference"].p_value.value > 0.01
    assert results["data_copying"].p_value.adjusted <= 0.01
    assert results["data_copying"].details["exact_copies"] == results["data_copying"].n_fake


def test_the_noise_that_likelihood_forgives_is_seen_in_most_rows(report: Any) -> None:
    """The true total variation is at most .99: a lower bound beyond it would be none."""
    found = {r.metric: r for r in report.fakes[1].results}["c2st"]
    assert 0.5 < found.estimate <= 0.99 + 4 * 0.1 / (found.n_fake / 2) ** 0.5
