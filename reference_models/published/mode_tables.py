"""Mode tables of ring, grid and stacked digits: ours beside the published ones, packing, and the classifier's leak.

VEEGAN (Srivastava et al. 2017, tables 1 and 2) and PacGAN (Lin, Khetan, Fanti & Oh 2018, tables 1 and 2). Ours are the
medians of three seeds that `python -m reference_models accept` keeps in ``acceptance/results.json``; nothing is
trained here. What packing does is exact (PacGAN, section 4): the data are uniform on [0, 1], Q1 has lost [0, 0.2], Q2
has shares 0.6 and 1.4 on the halves. Both are 0.2 from the data in total variation, packs of them are not. And with a
digit classifier that errs, modes seem captured that are not: the chance of each reading is exact too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.numerics.classifiers import fit_linear
from gandiag.numerics.critics import split_halves
from gandiag.numerics.mode_protocols import PROTOCOLS, expected_missing, fewest_rows, perfect
from gandiag.numerics.scoring import advantages
from gandiag.plots._style import FAKES, REAL, WRONG, labels, legend, tidy
from reference_models.acceptance.accept import RESULTS
from reference_models.core.published import Beside, Published
from reference_models.core.rng import Keys
from reference_models.core.stories import Tale
from reference_models.published._asking import Matrix, Vector, student
from reference_models.published._panels import panels, points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The kept results, by model and preset, and the published row that is nearest: modes and, where given, KL.
KEPT = {
    "ring: GAN": ("gan", "cpu"),
    "ring: WGAN-GP": ("wgan", "cpu"),
    "ring: clipped WGAN": ("wgan", "cpu-clip"),
    "grid: GAN": ("gan", "cpu-grid25"),
    "stacked: DCGAN": ("dcgan", "cpu-stacked"),
    "stacked: WGAN-GP": ("wgan", "cpu-stacked"),
}
PUBLISHED_TABLE = {
    "ring: GAN": "1 (VEEGAN), 6.3 ± 0.5 (PacGAN)",
    "grid: GAN": "3.3 (VEEGAN), 17.3 ± 0.8 (PacGAN)",
    "stacked: DCGAN": "99 (VEEGAN), 78.9 ± 6.5 (PacGAN), 1000 with packs of 2",
}
MODES, TRUE_MODES, DRAWS = 1000, 100, 26_000
# Shares of the three cells [0, 0.2), [0.2, 0.5), [0.5, 1) under the data and both generators.
CELLS = {"data": [0.2, 0.3, 0.5], "Q1": [0.0, 0.375, 0.625], "Q2": [0.12, 0.18, 0.7]}


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Read the kept results, pack, and misread digits."""
    packs = [1, 3] if quick else [1, 2, 3, 4, 6, 8]
    rows, times = (300, 5) if quick else (2000, 8)
    errors = [0.0, 0.01] if quick else [0.0, 0.003, 0.01, 0.03]
    numbers: dict[str, Any] = {"kept": kept(), "pack": packs, "times": times, "error": errors}
    for name in ("Q1", "Q2"):
        cells = [packed(name, m, rows, times, Keys(seed, m)) for m in packs]
        numbers[name] = {
            "exact": [exact_variation(name, m) for m in packs],
            "measured": [float(values.mean()) for values in cells],
            "measured_error": [float(values.std(ddof=1) / times**0.5) for values in cells],
        }
    found = [misread(error, Keys(seed, i)) for i, error in enumerate(errors)]
    numbers |= {key: [cell[key] for cell in found] for key in found[0]}
    return Tale(numbers=numbers, figure=_figure(numbers), holds=verdict(numbers))


def kept() -> dict[str, dict[str, float]]:
    """Read the medians of kept trainings."""
    results = {(r["model"], r["preset"]): r["median"] for r in json.loads(RESULTS.read_text())}
    return {name: results[key] for name, key in KEPT.items()}


def packed(name: str, pack: int, rows: int, times: int, keys: Keys) -> Vector:
    """Measure the advantage of the linear critic of `c2st` on packs, each told as its counts in the three cells."""
    found = np.empty(times)
    for i in range(times):
        rng = keys.numpy(name, i)
        real, fake = (rng.multinomial(pack, CELLS[side], size=rows).astype(np.float64) for side in ("data", name))
        cut = split_halves(real, fake, rng)
        says_real = fit_linear(cut.rows, cut.labels).scores(cut.test) > 0.0
        found[i] = advantages(says_real.astype(np.float64), cut.test_labels[:, None])[0]
    return found


def exact_variation(name: str, pack: int) -> float:
    """Compute the total variation of packs: of the multinomial laws of the counts, which are all that matters."""
    from scipy.stats import multinomial

    counts = [(a, b, pack - a - b) for a in range(pack + 1) for b in range(pack + 1 - a)]
    real, fake = (multinomial.pmf(counts, pack, CELLS[side]) for side in ("data", name))
    return float(np.abs(real - fake).sum() / 2.0)


def misread(error: float, keys: Keys) -> dict[str, float]:
    """Draw from a tenth of the modes, misread each digit with a chance, and count modes with and without correction."""
    one = np.full((10, 10), error / 9.0) + (1.0 - error - error / 9.0) * np.eye(10)
    rng = keys.numpy("modes")
    shares = np.zeros(MODES)
    shares[rng.choice(MODES, TRUE_MODES, replace=False)] = 1.0 / TRUE_MODES
    read = np.einsum("ijk,ia,jb,kc->abc", shares.reshape(10, 10, 10), one, one, one).ravel()
    counts = rng.multinomial(DRAWS, read / read.sum())
    # What a sample of all modes shows: how often a row of another mode is read as this one.
    leak: Matrix = np.full(MODES, (1.0 - (1.0 - error) ** 3) / (MODES - 1))
    shown = counts[counts > 0] / DRAWS
    return {
        "raw": int((counts > 0).sum()),
        "raw_exact": MODES - expected_missing(read, DRAWS),
        "corrected": int((counts >= fewest_rows(leak, DRAWS)).sum()),
        "kl": float((shown * np.log(MODES * shown)).sum()),
    }


def verdict(numbers: dict[str, Any]) -> bool:
    """Check packs against the exact variation, raw counts against their mean, and that correction finds the truth."""
    far = student(numbers["times"])
    packing = True
    for name in ("Q1", "Q2"):
        off = np.array(numbers[name]["measured"]) - numbers[name]["exact"]
        # A critic learns no more than all there is; of 400 rows it may miss a few hundredths.
        packing &= bool((off <= far * np.array(numbers[name]["measured_error"])).all() and (off >= -0.06).all())
    collapsed, spread = (np.array(numbers[name]["exact"]) for name in ("Q1", "Q2"))
    gap = bool(abs(collapsed[0] - spread[0]) < 1e-12 and (collapsed[1:] > spread[1:] + 0.01).all())
    # The counts of modes are nearly independent, so the spread is at most the root of half of them all.
    raw = np.abs(np.array(numbers["raw"]) - numbers["raw_exact"]) <= 4.5 * np.sqrt(MODES / 4.0)
    corrected = np.abs(np.array(numbers["corrected"]) - TRUE_MODES) <= 5
    inflated = numbers["raw"][numbers["error"].index(0.01)] > 4 * TRUE_MODES
    return bool(packing and gap and raw.all() and corrected.all() and inflated)


def beside(numbers: dict[str, Any]) -> list[Beside]:
    """Compare with the published tables, and with what is exact."""
    lines = []
    for name, found in numbers["kept"].items():
        modes = found.get("modes_captured", found.get("stacked_modes", 0.0))
        by = "published" if name in PUBLISHED_TABLE else ""
        lines.append(Beside(what=f"modes, {name}", ours=modes, known=PUBLISHED_TABLE.get(name, ""), by=by))
    best = {protocol.name: perfect(protocol) for protocol in PROTOCOLS}
    ring, stacked = numbers["kept"]["ring: GAN"], numbers["kept"]["stacked: DCGAN"]
    lines += [
        Beside(
            what="high quality, ring: GAN",
            ours=ring["high_quality"],
            known=best["ring"].high_quality or 0.0,
            by="a perfect sampler",
        ),
        Beside(what="reverse KL, ring: GAN", ours=ring["mode_kl"], known="0.45 ± 0.09", by="PacGAN, GAN"),
        Beside(
            what="reverse KL, stacked: DCGAN",
            ours=stacked["reverse_kl"],
            known="4.50 ± 0.13; 0.06 with packs of 2",
            by="PacGAN",
        ),
        Beside(
            what="reverse KL of a perfect sampler, 26 000 stacked digits",
            ours=best["stacked digits"].kl,
            known=0.01921,
            by="(K − 1)/(2 M)",
        ),
    ]
    m = len(numbers["pack"]) - 1
    lines += [
        Beside(
            what=f"variation of packs of {numbers['pack'][m]}, {name}",
            ours=numbers[name]["measured"][m],
            known=numbers[name]["exact"][m],
            by="exact",
        )
        for name in ("Q1", "Q2")
    ]
    i = numbers["error"].index(0.01)
    return [
        *lines,
        Beside(
            what="modes counted of 100, 1 % errors a digit, raw",
            ours=numbers["raw"][i],
            known=numbers["raw_exact"][i],
            by="exact mean",
        ),
        Beside(
            what="the same, corrected for the leak",
            ours=numbers["corrected"][i],
            known=float(TRUE_MODES),
            by="the truth",
        ),
        Beside(what="reverse KL read there", ours=numbers["kl"][i], known=2.303, by="the truth: log 10"),
    ]


def _figure(numbers: dict[str, Any]) -> Figure:
    left, middle, right = panels(3, height=3.0)
    names = list(numbers["kept"])
    of = {"ring": 8, "grid": 25, "stacked": 1000}
    for place, name in enumerate(names):
        found = numbers["kept"][name]
        modes = found.get("modes_captured", found.get("stacked_modes", 0.0))
        left.barh(place, modes / of[name.split(":")[0]], color=FAKES[0], height=0.6)
    left.set_yticks(range(len(names)), names)
    left.invert_yaxis()
    for name, colour, text in (("Q1", WRONG, "a fifth lost"), ("Q2", FAKES[0], "shares shifted")):
        middle.plot(numbers["pack"], numbers[name]["exact"], color=colour, linewidth=1.0, label=f"{text}, exact")
        points(
            middle,
            numbers["pack"],
            numbers[name]["measured"],
            numbers[name]["measured_error"],
            colour=colour,
            label=f"{text}, measured",
        )
    percent = 100.0 * np.array(numbers["error"])
    right.plot(percent, numbers["raw_exact"], "--", color=WRONG, linewidth=1.0, label="raw, exact mean")
    right.plot(percent, numbers["raw"], "o", color=WRONG, markersize=4, label="raw count")
    right.plot(percent, numbers["corrected"], "s-", color=FAKES[1], markersize=4, linewidth=1.0, label="corrected")
    right.axhline(TRUE_MODES, color=REAL, linestyle=":", linewidth=1.0, label="truth")
    for ax in (left, middle, right):
        tidy(ax, grid="x" if ax is left else "y")
    labels(left, title="share of modes, kept trainings", x="modes captured / all")
    labels(middle, title="packing", x="samples in a pack", y="advantage of a critic")
    labels(right, title="100 of 1000 stacked modes", x="errors of the classifier (% of digits)", y="modes counted")
    legend(middle, loc="upper left", bbox_to_anchor=(0.0, 1.0), ncols=1)
    legend(right, loc="lower right", bbox_to_anchor=(1.0, 0.12), ncols=1)
    figure: Figure = left.get_figure(root=True)  # type: ignore[assignment]
    return figure


FIGURE = Published(
    name="mode_tables",
    title="Mode tables, packing, and the classifier's leak",
    source="Srivastava et al. 2017 (VEEGAN), tables 1 and 2; Lin, Khetan, Fanti & Oh 2018 (PacGAN), tables 1 and 2",
    shows="GANs lose modes of a ring, a grid and stacked digits; judging packs of samples brings them back, for packs "
    "of a law with lost modes differ more.",
    claim="Lost mass raises the variation of packs more than shifted shares at the same distance, along the exact "
    "curve; a digit classifier that errs once in a hundred counts over 500 of 100 modes, and the correction counts "
    "100.",
    run=run,
    beside=beside,
    deviates="Our models are small and trained for minutes on a CPU, our digits are of 8 by 8 pixels, and "
    "`modes_captured` is corrected for misplaced rows, so rows of the tables are beside, not equal to, each other; "
    "the published ones differ among themselves by more (DCGAN: 79 to 392 modes). GANs with packs are not trained "
    "here: `python -m reference_models train gan --preset cpu-grid25 --set pack=2 --out RUN` does it.",
)
