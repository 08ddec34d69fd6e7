"""Each alarm: a history that must raise it, healthy ones that must not, and its false-alarm rate where it tests."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from histories import looks, raised, raised_by_any, rows_of

from gandiag.errors import ConfigError
from gandiag.monitor import ALARMS, AlarmSpec, History
from gandiag.monitor.alarm import QUIET, Finding, Watch
from gandiag.monitor.alarms.mode_hopping import losses, mode_information
from gandiag.monitor.alarms.oscillation import LEVEL, fisher_g, whitened

RNG = np.random.default_rng


def noise(rows: int, *, seed: int = 0, mean: float = 1.0, sd: float = 0.1) -> list[float]:
    return RNG(seed).normal(mean, sd, rows).tolist()


def healthy(seed: int) -> list[dict[str, Any]]:
    """A run that learns: losses settle, gradients shrink fivefold, modes are gained, recall rises."""
    rng, t = RNG(seed), np.arange(60)
    learning = np.exp(-t / 15.0)
    train = rows_of(
        "train",
        {
            "loss/D": 1.38 - 0.5 * learning + rng.normal(0.0, 0.03, 60),
            "loss/G": 0.7 + 1.5 * learning + rng.normal(0.0, 0.03, 60),
            "gradient/G": (0.2 + learning) * rng.gamma(50.0, 0.02, 60),
            "gradient/D": (0.3 + learning) * rng.gamma(50.0, 0.02, 60),
            "latent/active_share": np.full(60, 0.5),
            "latent/active": np.full(60, 8.0),
        },
    )
    held = np.clip(1 + np.arange(20) // 2, 1, 8)
    counts = np.stack([rng.multinomial(500, np.r_[np.full(k, 1.0 / k), np.zeros(8 - k)]) for k in held])
    recall = np.clip(0.95 - 0.9 * np.exp(-np.arange(20) / 4.0) + rng.normal(0.0, 0.01, 20), 0.0, 1.0)
    score = looks(
        counts,
        score__recall=recall,
        **{"score/recall.floor_sd": np.full(20, 0.01)},
        **{"score/frechet": 0.02 + np.exp(-np.arange(20) / 4.0) + rng.normal(0.0, 0.003, 20)},
        **{"score/frechet.floor": np.full(20, 0.02), "score/frechet.floor_sd": np.full(20, 0.003)},
        **{"score/near_duplicates": np.full(20, 0.02), "score/near_duplicates.floor": np.full(20, 0.02)},
        **{"score/near_duplicates.floor_sd": np.full(20, 0.01), "value": -1.386 + rng.normal(0.0, 0.01, 20)},
        **{"accuracy/real": np.full(20, 0.55), "accuracy/fake": np.full(20, 0.55), "accuracy.n": np.full(20, 500.0)},
    )
    return sorted([*train, *score], key=lambda row: row["step"])


@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_run_raises_nothing(seed: int) -> None:
    assert raised_by_any(healthy(seed), game="gan") == []


def test_every_alarm_says_what_it_means_and_when_it_is_wrong() -> None:
    assert set(ALARMS.names()) == {
        "collapse",
        "discriminator_winning",
        "divergence",
        "mode_hopping",
        "nan",
        "oscillation",
        "posterior_collapse",
        "vanishing_generator_gradient",
    }
    for spec in ALARMS:
        assert spec.meaning.strip().endswith(".")
        assert "\n" not in spec.meaning
        assert spec.false_alarms
        assert spec.wrong_when
        assert spec.after <= {"train", "score", "event"}


def test_an_empty_history_raises_nothing() -> None:
    assert [spec.name for spec in ALARMS if spec.ask(History()) is not None] == []


# collapse


def spread(modes: list[int], *, draws: int = 500, seed: int = 0) -> np.ndarray[Any, Any]:
    """Draw looks at a sampler that holds so many of eight modes."""
    rng = RNG(seed)
    return np.stack([rng.multinomial(draws, np.r_[np.full(k, 1.0 / k), np.zeros(8 - k)]) for k in modes])


def test_collapse_is_raised_by_modes_that_were_held_and_are_gone() -> None:
    alarms = raised("collapse", looks(spread([4, 8, 8, 8, 3, 3, 3])))
    assert [(alarm.name, alarm.step) for alarm in alarms] == [("collapse", 300)]
    assert alarms[0].evidence["gone"] == ["3", "4", "5", "6", "7"]
    assert alarms[0].evidence["best"] == 1.0
    assert "gone: 3, 4, 5" in str(alarms[0])


def test_collapse_is_not_raised_by_one_look_nor_by_modes_never_held() -> None:
    assert raised("collapse", looks(spread([8, 8, 3, 8, 8, 3, 8]))) == []
    assert raised("collapse", looks(spread([4, 4, 4, 4, 4, 4, 4]))) == []


def test_collapse_is_raised_by_a_sampler_that_never_had_variety() -> None:
    alarms = raised("collapse", looks(spread([1, 1, 2, 1, 1, 1])))
    assert [alarm.step for alarm in alarms] == [250]


def scores(name: str, values: list[float], *, floor: float, sd: float) -> list[dict[str, Any]]:
    n = len(values)
    return rows_of(
        "score", {f"score/{name}": values, f"score/{name}.floor": [floor] * n, f"score/{name}.floor_sd": [sd] * n}
    )


def test_collapse_is_raised_by_recall_that_halves_and_by_new_duplicates() -> None:
    fall = raised("collapse", scores("recall", [0.5, 0.9, 0.92, 0.4, 0.3], floor=0.97, sd=0.01))
    assert [alarm.evidence["best"] for alarm in fall] == [0.92]
    assert raised("collapse", scores("recall", [0.05, 0.11, 0.0, 0.0, 0.05], floor=0.97, sd=0.005)) == []
    dup = raised("collapse", scores("near_duplicates", [0.02, 0.03, 0.02, 0.6, 0.7], floor=0.02, sd=0.01))
    assert [alarm.evidence["near_duplicates"] for alarm in dup] == [0.6]


@pytest.mark.parametrize("name", ["recall", "near_duplicates"])
def test_collapse_keeps_silent_over_noise(name: str) -> None:
    # 60 stationary runs of 100 looks whose scores scatter by the floor's sd: the running best is an extreme of noise.
    rng = RNG(1)
    for _ in range(60):
        values = rng.normal(0.5, 0.05, 100).tolist()
        assert raised("collapse", scores(name, values, floor=0.5, sd=0.05)) == []


# mode hopping


@pytest.mark.row(85)
def test_a_rotation_through_eight_modes_carries_log_8() -> None:
    information, _, p = mode_information(500 * np.eye(8, dtype=int))
    assert information == pytest.approx(math.log(8.0), abs=1e-12)
    assert information == pytest.approx(2.0794, abs=5e-5)
    assert p == 0.0
    same, _, p_same = mode_information(np.full((10, 8), 50))
    assert same == 0.0
    assert p_same == 1.0


@pytest.mark.row(85)
def test_the_null_of_the_mode_information_is_that_of_the_g_test() -> None:
    rng, t, k, m = RNG(0), 10, 8, 500
    found = [mode_information(rng.multinomial(m, np.full(k, 1 / k), size=t)) for _ in range(400)]
    information, mean, p = (np.array(column) for column in zip(*found, strict=True))
    assert mean[0] == pytest.approx((t - 1) * (k - 1) / (2 * t * m))
    assert mean[0] == pytest.approx(0.0063, abs=5e-5)
    # sd of one value is mean * sqrt(2 / 63); the standard error of 400 is 0.9 %, within the row's 10 %.
    assert information.mean() == pytest.approx(mean[0], rel=0.10)
    for level in (0.01, 0.05, 0.1):
        assert (p <= level).mean() <= level + 3 * math.sqrt(level * (1 - level) / 400)
    # Negative control: the law of independent draws per look, had the degrees been T K, would be missed by 27 %.
    assert abs(information.mean() - t * k / (2 * t * m)) > 0.10 * t * k / (2 * t * m)


def test_the_information_ignores_modes_that_nobody_holds_and_empty_looks() -> None:
    table = np.array([[5, 0, 9], [0, 0, 0], [7, 0, 3]])
    assert mode_information(table) == mode_information(table[[0, 2]][:, [0, 2]])
    assert mode_information(table[:1]) == (0.0, 0.0, 1.0)


def test_mode_hopping_is_raised_by_a_rotation() -> None:
    order = [[0, 1], [2, 3], [4, 5], [6, 7]] * 3
    counts = np.zeros((12, 8), dtype=int)
    for t, held in enumerate(order):
        counts[t, held] = 250
    alarms = raised("mode_hopping", looks(counts))
    assert [alarm.name for alarm in alarms] == ["mode_hopping"]
    assert alarms[0].evidence["losses"] >= 3
    assert alarms[0].evidence["p"] < 1e-6


def test_mode_hopping_is_not_raised_by_growth_drift_or_standing_still() -> None:
    rng = RNG(3)
    assert raised("mode_hopping", looks(spread([1, 2, 3, 4, 5, 6, 7, 8, 8, 8]))) == []
    drift = np.stack([rng.multinomial(500, np.r_[0.3 - 0.02 * t, 0.1 + 0.02 * t, np.full(6, 0.1)]) for t in range(10)])
    assert mode_information(drift)[2] < 1e-6  # the drift is significant, and still no hopping
    assert raised("mode_hopping", looks(drift)) == []
    for seed in range(200):
        assert raised("mode_hopping", looks(RNG(seed).multinomial(500, np.full(8, 1 / 8), size=10))) == []


def test_losses_count_held_modes_that_are_gone_at_the_next_look() -> None:
    assert losses(np.array([[50, 50], [100, 0], [50, 50], [0, 100]])) == 2
    assert losses(np.array([[100, 0], [50, 50]])) == 0


# gradients, losses


def test_a_vanishing_gradient_is_raised_against_its_own_past() -> None:
    gone = [*noise(30), *(np.array(noise(5)) * 1e-3).tolist()]
    alarms = raised("vanishing_generator_gradient", rows_of("train", {"gradient/G": gone, "gradient/D": noise(35)}))
    assert [alarm.step for alarm in alarms] == [33 * 50]
    assert alarms[0].evidence["usual"] == pytest.approx(1.0, abs=0.1)
    zero = raised("vanishing_generator_gradient", rows_of("train", {"gradient/gen": [0.0] * 4}))
    assert [alarm.step for alarm in zero] == [150]


def test_a_vanishing_gradient_is_not_raised_by_learning_or_by_the_discriminator() -> None:
    fading = np.linspace(1.0, 0.02, 60).tolist()
    assert raised("vanishing_generator_gradient", rows_of("train", {"gradient/G": fading})) == []
    gone = [*noise(30), 1e-4, 1e-4, 1e-4]
    assert raised("vanishing_generator_gradient", rows_of("train", {"gradient/D": gone})) == []
    assert raised("vanishing_generator_gradient", rows_of("train", {"gradient/G": gone[:32]})) == []
    log_normal = np.exp(RNG(0).normal(0.0, 1.0, 3000)).tolist()
    assert raised("vanishing_generator_gradient", rows_of("train", {"gradient/G": log_normal})) == []


def accuracies(real: list[float], fake: list[float], n: float = 500.0) -> list[dict[str, Any]]:
    return rows_of("score", {"accuracy/real": real, "accuracy/fake": fake, "accuracy.n": [n] * len(real)})


def test_a_winning_discriminator_is_raised_by_held_out_accuracy() -> None:
    alarms = raised("discriminator_winning", accuracies([0.6, 0.99, 0.99], [0.7, 0.98, 0.99]))
    assert [alarm.step for alarm in alarms] == [150]
    assert 0.9 < alarms[0].evidence["lower_bound"] < 0.98
    assert raised("discriminator_winning", accuracies([0.6, 0.99, 0.6, 0.99], [0.7, 0.99, 0.6, 0.99])) == []
    assert raised("discriminator_winning", accuracies([0.99] * 4, [0.5] * 4)) == []
    assert raised("discriminator_winning", accuracies([0.99] * 4, [0.99] * 4, n=20.0)) == []


def test_a_winning_discriminator_is_a_false_alarm_as_rarely_as_declared() -> None:
    # At the border (both accuracies 0.9) each of the four bounds fails with probability 0.001.
    rng = RNG(0)
    for _ in range(300):
        real, fake = (rng.binomial(500, 0.9, 10) / 500 for _ in range(2))
        assert raised("discriminator_winning", accuracies(real.tolist(), fake.tolist())) == []


def test_a_winning_discriminator_is_read_from_its_loss_in_a_declared_gan_only() -> None:
    rows = rows_of("train", {"loss/D": [1.3] * 3 + [0.02] * 6})
    assert [alarm.step for alarm in raised("discriminator_winning", rows, game="gan")] == [400]
    assert raised("discriminator_winning", rows) == []
    assert raised("discriminator_winning", rows_of("train", {"loss/D": [-3.0] * 9}), game="gan") == []


@pytest.mark.parametrize("name", ["loss/G", "gradient/D"])
def test_divergence_is_raised_by_what_grows_a_hundredfold(name: str) -> None:
    blown = [*noise(20), 150.0, 900.0, 4e4, 1e6]
    alarms = raised("divergence", rows_of("train", {name: blown}))
    assert [alarm.step for alarm in alarms] == [23 * 50]
    assert alarms[0].evidence["name"] == name
    spike = [*noise(20), 150.0, 900.0, *noise(20)]
    assert raised("divergence", rows_of("train", {name: spike})) == []


def test_divergence_is_raised_by_scores_far_beyond_their_best() -> None:
    values = [0.5, 0.1, 0.06, 0.05, 3.0, 4.0, 5.0]
    alarms = raised("divergence", scores("frechet", values, floor=0.01, sd=0.004))
    assert [alarm.step for alarm in alarms] == [350]
    assert alarms[0].evidence["best_excess"] == pytest.approx(0.04)
    # Ten times the excess at the floor is still nothing: 0.002 above it, then 0.04.
    near = [0.5, 0.012, 0.012, 0.05, 0.05, 0.05, 0.05]
    assert raised("divergence", scores("frechet", near, floor=0.01, sd=0.004)) == []
    # A share that rises is no distance that diverges.
    assert raised("divergence", scores("near_duplicates", [0.0] * 4 + [0.9] * 4, floor=0.01, sd=0.004)) == []


def test_nan_names_the_first_step() -> None:
    rows = [
        {"kind": "train", "step": 50, "seconds": 1.0, "values": {"loss/G": 1.0}},
        {"kind": "train", "step": 99, "seconds": 2.0, "values": {"loss/G": None}, "nonfinite": {"loss/G": 73}},
        {"kind": "train", "step": 149, "seconds": 3.0, "values": {"loss/G": None}, "nonfinite": {"loss/G": 100}},
    ]
    alarms = raised("nan", rows)
    assert [alarm.evidence for alarm in alarms] == [{"first_step": 73, "names": ["loss/G"]}]
    assert raised("nan", rows[:1]) == []


# oscillation


def test_oscillation_recovers_the_period_of_the_dirac_gan() -> None:
    """Alternating steps of size h on V = x y rotate with the period 2 pi / h, up to O(h^2)."""
    h, x, y, values = 0.1, 1.0, 0.0, []
    for _ in range(128):
        x -= h * y
        y += h * x
        values.append(x * y)
    alarms = raised("oscillation", rows_of("train", {"loss/D": values}, spacing=1))
    assert alarms[0].evidence["name"] == "loss/D"
    # x y turns twice per round; a periodogram of n points knows the period to within its own spacing, period^2 / n.
    period = math.pi / h
    assert alarms[-1].evidence["period"] == pytest.approx(period, abs=period**2 / alarms[0].evidence["rows"])
    assert alarms[0].evidence["p"] < LEVEL


def test_oscillation_is_seen_under_noise_and_not_in_noise() -> None:
    t = np.arange(128)
    wave = np.sin(2 * np.pi * t / 16) + RNG(0).normal(0.0, 0.5, 128)
    alarms = raised("oscillation", rows_of("train", {"loss/G": wave}))
    assert len(alarms) >= 1
    assert alarms[-1].evidence["period"] == pytest.approx(16 * 50, rel=0.2)
    assert raised("oscillation", rows_of("train", {"loss/G": noise(512)})) == []


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9, 1.0])
def test_slow_noise_is_no_oscillation(phi: float) -> None:
    """The level of the test holds after first-order autocorrelation is estimated and taken out."""
    rng, hits, runs, n = RNG(int(10 * phi)), {0.01: 0, 0.05: 0}, 1500, 128
    for _ in range(runs):
        shocks = rng.normal(size=n)
        series = np.empty(n)
        series[0] = shocks[0]
        for i in range(1, n):
            series[i] = phi * series[i - 1] + shocks[i]
        p = fisher_g(whitened(series))[2]
        for level in hits:
            hits[level] += p <= level
    for level, count in hits.items():
        assert count / runs <= level + 3 * math.sqrt(level * (1 - level) / runs)


def test_without_whitening_slow_noise_would_pass_for_an_oscillation() -> None:
    walk = [np.cumsum(RNG(seed).normal(size=128)) for seed in range(100)]
    assert np.mean([fisher_g(series)[2] <= 0.01 for series in walk]) > 0.9


def test_fishers_g_has_its_exact_tail() -> None:
    # Fisher's table: the 5 % point of g for m = 10 ordinates is 0.4450.
    rng = RNG(0)
    found = [fisher_g(rng.normal(size=21)) for _ in range(4000)]
    share = np.array([g for g, _, _ in found])
    assert (share > 0.4450).mean() == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / 4000))
    assert pytest.approx(0.05, abs=5e-4) == 10 * (1 - 0.4450) ** 9
    assert fisher_g(np.ones(20)) == (0.0, math.inf, 1.0)


# posterior collapse


def active(shares: list[float], units: int = 10) -> list[dict[str, Any]]:
    return rows_of("train", {"latent/active_share": shares, "latent/active": [units * s for s in shares]})


def test_posterior_collapse_is_raised_by_units_that_fall_silent() -> None:
    alarms = raised("posterior_collapse", active([0.8] * 5 + [0.3] * 6))
    assert [alarm.step for alarm in alarms] == [500]
    assert alarms[0].evidence["most"] == 0.8
    assert [alarm.step for alarm in raised("posterior_collapse", active([0.1] * 5))] == [250]


def test_posterior_collapse_is_not_raised_by_units_that_are_rightly_off() -> None:
    assert raised("posterior_collapse", active([0.0, 0.0, 0.1, 0.3, 0.4, *[0.4] * 10])) == []
    assert raised("posterior_collapse", active([0.8, 0.3, 0.3, 0.3, 0.3, 0.8])) == []


# the watch


def test_an_alarm_that_flutters_is_raised_once_and_again_after_quiet() -> None:
    def ask(history: History) -> Finding | None:
        return Finding(sentence="high") if history.rows[-1]["values"]["x"] > 0 else None

    spec = AlarmSpec(
        name="mine", meaning="x is high.", ask=ask, after=frozenset({"train"}), false_alarms="", wrong_when=""
    )
    assert spec.summary == "x is high."
    watch, history, found = Watch([spec]), History(), []
    for row in rows_of("train", {"x": [1, 0, 1, 0, 1, *[0] * QUIET, 1]}):
        history.append(row)
        found += watch.ask(history, "train", row["step"])[0]
    assert [alarm.step for alarm in found] == [50, 50 * (6 + QUIET)]
    with pytest.raises(ConfigError, match="an alarm must be a name or an AlarmSpec"):
        Watch([3])  # type: ignore[list-item]


def test_an_alarm_that_breaks_is_reported_and_the_others_are_asked() -> None:
    def ask(history: History) -> Finding | None:
        raise ZeroDivisionError("oops")

    spec = AlarmSpec(name="broken", meaning="m.", ask=ask, after=frozenset({"train"}), false_alarms="", wrong_when="")
    history = History(rows_of("train", {"gradient/G": [0.0] * 3}))
    alarms, broken = Watch([spec, "vanishing_generator_gradient"]).ask(history, "train", 1)
    assert [alarm.name for alarm in alarms] == ["vanishing_generator_gradient"]
    assert set(broken) == {"broken"}
