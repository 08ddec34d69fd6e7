"""Wealth of gamblers who bet against "same law": below 1/alpha without a difference, growing with one.

Shekhar & Ramdas 2023 ("Nonparametric two-sample testing by betting") bet on a kernel's witness, Pandeva, Bakker,
Naesseth & Forré 2024 ("E-valuating classifier two-sample tests") on a classifier, pair by pair. Under equal laws
wealth ever reaches 1/alpha with a chance of at most alpha (Ville 1939). Otherwise nobody earns more than the
Jensen-Shannon divergence per sample, so the best needs ``log(1/alpha) / JSD`` of them. Laws are N(0, 1) and N(delta,
1); the games are those of the gate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.inference.critic_bets import CriticBet
from gandiag.inference.e_processes import expected_rounds
from gandiag.inference.paired_bets import PayoffBet, Witness
from gandiag.numerics.betting import first_crossing
from gandiag.numerics.classifiers import fit_linear
from gandiag.plots._style import FAKES, REAL, WRONG, labels, tidy, write
from reference_models.core.published import Beside, Published
from reference_models.core.rng import Keys
from reference_models.core.stories import Tale
from reference_models.published._asking import Vector, student, too_few, too_many
from reference_models.published._panels import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALPHA = 0.05
SHIFTS = (0.0, 0.5, 1.0)
GAMES = ("classifier", "kernel")
_DRAWN = 8


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Play both games many times on equal laws and on two differences."""
    pairs = 60 if quick else 150
    times = {0.0: 40 if quick else 200, 0.5: 10 if quick else 40, 1.0: 10 if quick else 40}
    numbers: dict[str, Any] = {
        "pairs": pairs,
        "shift": list(SHIFTS),
        "times": [times[s] for s in SHIFTS],
        "alpha": ALPHA,
    }
    numbers["jsd"] = [jensen_shannon(shift) for shift in SHIFTS]
    for game in GAMES:
        cells = []
        for i, shift in enumerate(SHIFTS):
            paths = np.array([path(game, shift, pairs, Keys(seed, i).numpy(game, t)) for t in range(times[shift])])
            cells.append(told(paths))
            if progress is not None:
                progress(f"shifts, {game}", i + 1, len(SHIFTS))
        numbers[game] = {key: [cell[key] for cell in cells] for key in cells[0]}
    return Tale(numbers=numbers, figure=_figure(numbers), holds=verdict(numbers))


def path(game: str, shift: float, pairs: int, rng: np.random.Generator) -> Vector:
    """Play one game; give the logarithm of wealth after each pair."""
    real, fake = rng.standard_normal((2, pairs, 1))
    fit = rng.standard_normal((100, 1))
    bet = CriticBet("classifier", fit_linear) if game == "classifier" else PayoffBet(Witness(fit, 1.0))
    return bet.play(real, fake + shift)


def told(paths: Vector) -> dict[str, Any]:
    """Count crossings of 1/alpha, and measure growth per sample over the second half, in nats."""
    crossings = [first_crossing(p, ALPHA) for p in paths]
    reached = [2 * c for c in crossings if c is not None]
    half = paths.shape[1] // 2
    growth = (paths[:, -1] - paths[:, half - 1]) / (2.0 * (paths.shape[1] - half))
    return {
        "crossed": len(reached),
        "samples": float(np.mean(reached)) if reached else -1.0,
        "growth": float(growth.mean()),
        "growth_error": float(growth.std(ddof=1) / math.sqrt(len(paths))),
        "median": np.median(paths, axis=0).round(2).tolist(),
        "paths": paths[:_DRAWN].round(2).tolist(),
    }


def jensen_shannon(shift: float) -> float:
    """Compute the Jensen-Shannon divergence of N(0, 1) and N(shift, 1), by quadrature."""
    x = np.linspace(-10.0, 10.0 + shift, 40_001)
    p, q = (np.exp(-np.square(x - m) / 2.0) / math.sqrt(2.0 * math.pi) for m in (0.0, shift))
    return float(np.trapezoid(-p * np.log((1.0 + q / p) / 2.0) - q * np.log((1.0 + p / q) / 2.0), x) / 2.0)


def verdict(numbers: dict[str, Any]) -> bool:
    """Check Ville's bound, that a whole unit is found, and that nobody earns more than there is (by Student's law)."""
    times = numbers["times"]
    for game in GAMES:
        cells = numbers[game]
        if too_many(cells["crossed"][0], times[0], ALPHA) or too_few(cells["crossed"][-1], times[-1], 0.9):
            return False
        for growth, error, most, count in zip(
            cells["growth"], cells["growth_error"], numbers["jsd"], times, strict=True
        ):
            if growth > most + student(count) * error:
                return False
        if not cells["growth"][-1] > max(cells["growth"][0], 0.3 * numbers["jsd"][-1]):
            return False
        if cells["samples"][-1] < expected_rounds(ALPHA, numbers["jsd"][-1]) * 0.8:
            return False
    # The classifier is the right one here: of what there is it earns most, in the end.
    return bool(numbers["classifier"]["growth"][-1] > 0.6 * numbers["jsd"][-1])


def beside(numbers: dict[str, Any]) -> list[Beside]:
    """Compare crossings with alpha, growth with the divergence, samples with the oracle's."""
    lines, last = [], len(SHIFTS) - 1
    for game in GAMES:
        cells = numbers[game]
        lines.append(
            Beside(
                what=f"crossings of 1/alpha, equal laws, {game}",
                ours=cells["crossed"][0] / numbers["times"][0],
                known="≤ 0.05",
                by="Ville",
            )
        )
        for i in range(1, last + 1):
            lines.append(
                Beside(
                    what=f"growth per sample, shift {SHIFTS[i]:g}, {game} (nats)",
                    ours=cells["growth"][i],
                    known=numbers["jsd"][i],
                    by="most possible: JSD",
                )
            )
        lines.append(
            Beside(
                what=f"samples to 1/alpha, shift {SHIFTS[last]:g}, {game}",
                ours=cells["samples"][last],
                known=expected_rounds(ALPHA, numbers["jsd"][last]),
                by="with the exact critic: log(20)/JSD",
            )
        )
    return lines


def _figure(numbers: dict[str, Any]) -> Figure:
    axes = panels(2, width=3.6, height=3.1, sharey=True)
    at = 2 * np.arange(1, numbers["pairs"] + 1)
    colours = (REAL, FAKES[0], WRONG)
    for ax, game in zip(axes, GAMES, strict=True):
        for i, (shift, colour) in enumerate(zip(SHIFTS, colours, strict=True)):
            for line in numbers[game]["paths"][i]:
                ax.plot(at, np.array(line) / math.log(10.0), color=colour, linewidth=0.5, alpha=0.35)
            median = np.array(numbers[game]["median"][i]) / math.log(10.0)
            ax.plot(at, median, color=colour, linewidth=1.8)
            write(ax, at[-1], median[-1], f" {shift:g}", color=colour, va="center", fontweight="bold")
            if shift:
                ax.plot(at, at * numbers["jsd"][i] / math.log(10.0), ":", color=colour, linewidth=1.0)
        ax.axhline(-math.log10(ALPHA), color=FAKES[1], linestyle="--", linewidth=1.0)
        tidy(ax, grid="y")
        labels(
            ax, title=f"bets by a {game}", x="samples seen, of both sides", y="log₁₀ wealth" if game == GAMES[0] else ""
        )
    write(axes[0], at[0], -math.log10(ALPHA) + 0.15, "1/alpha = 20", color=FAKES[1], va="bottom")
    axes[0].set_ylim(-3.0, 12.0)
    figure: Figure = axes[0].get_figure(root=True)  # type: ignore[assignment]
    return figure


FIGURE = Published(
    name="wealth_paths",
    title="Wealth of e-processes",
    source="Shekhar & Ramdas 2023, and Pandeva, Bakker, Naesseth & Forré 2024, wealth against samples",
    shows="Wealth stays below 1/alpha on equal laws and grows exponentially on different ones.",
    claim="On equal laws at most 5 % of the games ever reach 20; on a shift of one standard deviation nearly all do, "
    "with more samples than the exact critic needs, and none grows faster than the Jensen-Shannon divergence.",
    run=run,
    beside=beside,
    deviates="The papers' data are other ones (images among them), and their classifier is a network; ours is "
    "logistic regression, which has the right form here. Lines are single games, thick ones medians, dotted ones the "
    "divergence; games stop after 150 pairs, so the crossing chance on equal laws is that of so many.",
)
