"""Drawing in blocks: gross faults after few rows, passes at the end, alpha split, deadlines, and sources that break."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

import gandiag
from gandiag.cli.check_command import command
from gandiag.core.rng import stream
from gandiag.errors import ConfigError, SamplerContractError, SamplerTimeout
from gandiag.gate.blocks import Blocks
from gandiag.gate.sequential import CONDITION
from gandiag.sources import open_sampler

QUICK = ["c2st.p >= alpha at margin 0.5"]
Rows = NDArray[np.float64]


class Counting:
    """A sampler that counts what it is asked for."""

    name, size = "counting", None

    def __init__(self, law: str, pause: float = 0.0) -> None:
        self.source, self.pause = open_sampler(law), pause
        self.calls: list[int] = []

    def sample(self, n: int, *, rng: np.random.Generator) -> Any:
        self.calls.append(n)
        time.sleep(self.pause)
        return self.source.sample(n, rng=rng)


def check(fake: Any, **options: Any) -> gandiag.Verdict:
    given = {"require": QUICK, "n": 200, "sequential": True} | options
    return gandiag.check(given.pop("real", "toy:ring8"), fake, **given)


@pytest.mark.parametrize(
    ("fault", "most"),
    [
        ("collapse=1", 50),
        ("drop_modes=4", 100),
        ("duplicate=0.5", 50),
        ("noise=1", 50),
        ("shift=1", 50),
        ("shrink=0.5", 150),
    ],
)
def test_a_gross_fault_stops_the_drawing_early(fault: str, most: int) -> None:
    verdict = check(f"toy:ring8!{fault}", n=2500, require=None, block=25)
    assert (verdict.outcome, verdict.exit_code, verdict.report) == ("fail", 1, None)
    assert verdict.provenance["samples_used"] <= most
    assert verdict.provenance["stopped"] == "decided"
    (judgement,) = verdict.judgements
    assert judgement.condition == CONDITION
    assert judgement.adjusted is not None
    assert judgement.adjusted <= verdict.alpha == 0.001
    used, told = verdict.provenance["samples_used"], verdict.provenance["sequential"]
    assert f"stopped after {used} of at most 2500 rows" in verdict.sentence
    # What the blocks said: where, how much, and by which bets.
    assert f"against equal laws at row {used}, where 2000 to 1 decides" in judgement.says
    assert [rows for rows, _ in told["log_e_by_block"]] == list(range(25, used + 1, 25))
    assert told["log_e_by_block"][-1][1] == told["log_e"]
    richest = max(told["log_earned"], key=lambda name: told["log_earned"][name] + math.log(told["weights"][name]))
    assert f"the bet on {richest} (" in judgement.says
    best = max(told["log_earned"].values())
    assert f"{math.exp(best):.3g} to 1" in judgement.says


def test_no_more_is_drawn_than_is_said() -> None:
    fake = Counting("toy:ring8!collapse=1")
    verdict = check(fake, n=2500)
    assert fake.calls == [50] * (verdict.provenance["samples_used"] // 50)
    assert sum(fake.calls) <= 50


def test_a_healthy_sampler_passes_at_the_end_on_all_rows_at_half_of_alpha() -> None:
    fake = Counting("toy:ring8")
    verdict = check(fake, block=60, alpha=0.02)
    assert verdict.outcome == "pass", str(verdict)
    assert fake.calls == [60] * 3 + [20]
    assert verdict.report is not None
    assert verdict.report.fakes[0].n == 200
    assert verdict.alpha == 0.02
    told = verdict.provenance
    assert (told["samples_used"], told["stopped"]) == (200, "budget")
    assert told["sequential"]["alpha_while_drawing"] + told["sequential"]["alpha_at_the_end"] == 0.02
    assert "with evidence for each. All 200 rows were drawn" in verdict.sentence
    assert sum(told["sequential"]["weights"].values()) == pytest.approx(1.0)


def test_what_the_bets_miss_is_judged_at_the_end_at_half_of_alpha() -> None:
    rows = np.random.default_rng(0).normal(size=(350, 2))
    fake = np.random.default_rng(1).normal(size=(200, 2))
    fixed = gandiag.check(rows, fake, require=QUICK, n=200, alpha=0.02)
    verdict = check(fake, real=rows, alpha=0.04)
    assert [j.p_value for j in verdict.judgements] == [j.p_value for j in fixed.judgements]
    assert [j.outcome for j in verdict.judgements] == [j.outcome for j in fixed.judgements]


def test_the_same_seed_gives_the_same_run_and_another_seed_other_rows() -> None:
    first, again, other = (check("toy:ring8!drop_modes=2", seed=seed).provenance for seed in (1, 1, 2))
    assert first == again
    assert first["sequential"]["log_e"] != other["sequential"]["log_e"]


def test_a_finite_source_is_drawn_once_without_replacement_and_cut() -> None:
    rows = np.arange(130.0)[:, None]
    blocks = Blocks(open_sampler(rows, lag=1), "fake", block=50, budget=500, seed=0)
    parts = [samples.matrix()[:, 0] for samples in blocks]
    assert [len(part) for part in parts] == [50, 50, 30]
    assert sorted(np.concatenate(parts)) == list(range(130))
    np.testing.assert_array_equal(blocks.held().sample(130, rng=stream(0)).matrix()[:, 0], np.concatenate(parts))
    assert blocks.used == 130


def test_fewer_real_rows_than_the_budget_are_bet_on_once_each() -> None:
    real = np.random.default_rng(0).normal(size=(100, 2))
    verdict = check(lambda n, rng: rng.normal(size=(n, 2)), real=real)
    told = verdict.provenance
    assert told["samples_used"] == 200
    assert told["sequential"]["pairs"] == 75


def test_a_deadline_is_for_all_blocks_together() -> None:
    verdict = check(Counting("toy:ring8", pause=0.03), block=20, timeout=0.05)
    assert isinstance(verdict.error, SamplerTimeout)
    assert verdict.exit_code == 5
    assert "200 samples within 0.05 s" in str(verdict.error)
    assert 0 < verdict.provenance["samples_used"] < 200


def test_what_is_decided_before_the_deadline_stays_decided() -> None:
    assert check(Counting("toy:ring8!collapse=1", pause=0.03), timeout=0.05).outcome == "fail"


def test_a_sampler_that_seeds_itself_is_an_error_and_no_collapse() -> None:
    verdict = check(lambda n: np.random.default_rng(0).normal(size=(n, 2)), real="toy:gauss")
    assert isinstance(verdict.error, SamplerContractError)
    assert verdict.exit_code == 3
    assert "block 2 equals block 1" in str(verdict.error)


def test_a_sampler_that_breaks_half_way_is_an_error() -> None:
    calls = []

    def broken(n: int, rng: np.random.Generator) -> Rows:
        calls.append(n)
        return rng.normal(size=(n, 2)) if len(calls) < 3 else np.full((n, 2), np.nan)

    verdict = check(broken, real="toy:gauss")
    assert (verdict.outcome, verdict.exit_code) == ("error", 3)
    assert verdict.provenance["samples_used"] == 100


def test_rows_that_depend_on_each_other_decide_nothing_while_they_are_drawn() -> None:
    chain = np.cumsum(0.3 * np.random.default_rng(0).normal(size=(200, 1)), axis=0)

    class Chain:
        name, size = "chain", None
        at = 0

        def sample(self, n: int, *, rng: np.random.Generator) -> Rows:
            self.at += n
            return chain[self.at - n : self.at]

    verdict = check(Chain(), real=np.random.default_rng(1).normal(size=(350, 1)))
    assert verdict.provenance["stopped"] == "budget"
    assert any("nothing was decided while drawing" in warning for warning in verdict.warnings)
    assert verdict.outcome != "pass"


def test_requests_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="must ask for equal laws by a test"):
        check("toy:ring8", require=["coverage >= 0.9"])
    with pytest.raises(ConfigError, match="blocks are for drawing in blocks"):
        check("toy:ring8", sequential=False, block=10)
    with pytest.raises(ConfigError, match="block"):
        check("toy:ring8", block=0)


def test_a_policy_in_a_file_and_the_command_line_can_ask_for_it(tmp_path: Any) -> None:
    file = tmp_path / "gandiag.toml"
    file.write_text('[gate.ring]\nreal = "toy:ring8"\nfake = "toy:ring8!collapse=1"\nsequential = true\nblock = 20\n')
    assert gandiag.check(config=file).provenance["samples_used"] <= 40
    words = ["toy:ring8", "toy:ring8!collapse=1", "--sequential", "--block", "30", "--budget", "300"]
    done = CliRunner().invoke(command, words, standalone_mode=False)
    assert done.return_value == 1
    assert "Drawing stopped after 30 of at most 300 rows." in done.output


def test_rows_of_blocks_share_no_latents_with_a_baseline(tmp_path: Any) -> None:
    gandiag.update_baseline("toy:ring8", "toy:ring8", out=tmp_path / "b.json", n=100, metrics=["frechet"])
    require = ["collisions.p >= alpha", "frechet not worse than baseline by 1"]
    asked = {"require": require, "n": 100, "baseline": tmp_path / "b.json", "alpha": 0.05}
    for sequential, how in ((True, "all rows dealt out again"), (False, "rows of one latent exchanged")):
        verdict = gandiag.check("toy:ring8", "toy:ring8", sequential=sequential, **asked)
        assert how in verdict.judgements[1].says


@pytest.mark.slow
def test_real_against_real_fails_in_at_most_a_share_alpha_of_runs() -> None:
    from scipy.stats import binom

    runs, alpha = 120, 0.2
    asked: dict[str, Any] = {"require": ["energy.p >= alpha"], "n": 60, "alpha": alpha}
    failed = [check("toy:ring8", seed=seed, **asked).outcome == "fail" for seed in range(runs)]
    assert sum(failed) <= binom.ppf(1 - 1e-4, runs, alpha)
