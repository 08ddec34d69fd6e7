"""How time and memory grow with the rows: ``python benchmarks/growth.py [--large]``.

Methods that look at every row once go up to a million rows per side; those that look at all pairs, in tiles where they
need not hold them, go as far as a minute allows. The exponent is that between the last two sizes: 1 is linear, 2 is
quadratic. ``--large`` takes the quadratic ones one step further.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from _machine import Ceilings, ceilings, heading
from _timing import Row, Size, Timed, command, in_turn, shortfalls
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.metrics import kid, mmd_linear, mmd_rff
from gandiag.metrics.energy import energy_distance
from gandiag.metrics.sliced_wasserstein import sliced_wasserstein_distance
from gandiag.numerics.balls import neighbourhoods
from gandiag.numerics.close_pairs import close_pairs
from gandiag.numerics.frechet_distance import frechet_from_moments
from gandiag.numerics.moments import Moments
from gandiag.numerics.slices import orthonormal_directions

Matrix = NDArray[np.float64]
Job = Callable[[Matrix, Matrix], Any]

TITLE = "Growth with the rows"
REASONS = {
    "": "the last step leaves the cache, or pays what the smaller size did not",
}

D = 16
LINEAR, QUADRATIC = 1.25, 2.3  # most that the exponents may be
_BLOCK = 10_000
_LINES, _FREQUENCIES, _DRAWS = 100, 60, 99


def sliced(real: Matrix, fake: Matrix) -> float:
    """Average W_1 over `_LINES` directions."""
    return sliced_wasserstein_distance(real, fake, orthonormal_directions(D, _LINES, np.random.default_rng(0)))


def frechet_streamed(real: Matrix, fake: Matrix) -> float:
    """Add rows up in blocks."""
    states = [Moments.empty(D), Moments.empty(D)]
    for start in range(0, len(real), _BLOCK):
        part = slice(start, start + _BLOCK)
        states = [state.update(side[part]) for state, side in zip(states, (real, fake), strict=True)]
    return frechet_from_moments(*states)


def random_features(real: Matrix, fake: Matrix) -> float | None:
    """Measure random-feature MMD, without its permutations."""
    comparison = Comparison(real=real, fake=fake, fit=real[:9])
    return mmd_rff.measure(comparison, rng=np.random.default_rng(0), frequencies=_FREQUENCIES).estimate


def linear_mmd(real: Matrix, fake: Matrix) -> Any:
    """Measure linear-time MMD with its test by `_DRAWS` random signs."""
    comparison = Comparison(real=real, fake=fake, fit=real[:9])
    return mmd_linear.measure(comparison, rng=np.random.default_rng(0), flips=_DRAWS).estimate


def duplicates(real: Matrix, fake: Matrix) -> int:
    """Find all pairs of real rows that are a hundredth of a typical distance apart."""
    return sum(len(i) for i, _, _ in close_pairs(real, 0.01 * D**0.5))


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method, the largest exponent that it may have, and the most rows that it is run on."""

    name: str
    job: Job
    exponent: float
    most: int | None = None


ONCE = (
    Method(name=f"sliced Wasserstein, {_LINES} directions", job=sliced, exponent=LINEAR),
    Method(name=f"Fréchet distance, blocks of {_BLOCK}", job=frechet_streamed, exponent=LINEAR),
    Method(
        name=f"random-feature MMD, {_FREQUENCIES} frequencies, no permutations",
        job=random_features,
        exponent=LINEAR,
    ),
    Method(name=f"linear-time MMD, {_DRAWS} random signs", job=linear_mmd, exponent=LINEAR),
    Method(name="near duplicates within real", job=duplicates, exponent=QUADRATIC, most=100_000),
)
PAIRS = (
    Method(name="four scores of precision and coverage, tiles", job=neighbourhoods, exponent=QUADRATIC),
    Method(name="KID of all pairs, tiles", job=kid.kernel_distance, exponent=QUADRATIC),
    Method(name="energy distance, all pairs held", job=energy_distance, exponent=QUADRATIC, most=8000),
)
SIZES: dict[Size, tuple[Sequence[int], Sequence[int]]] = {
    "quick": ((50, 100), (50, 100)),
    "default": ((1000, 10_000, 100_000, 1_000_000), (1000, 2000, 4000, 8000, 16_000)),
    "large": ((1000, 10_000, 100_000, 1_000_000), (1000, 2000, 4000, 8000, 16_000, 32_000)),
}


def timed(method: Method, sizes: Sequence[int]) -> dict[int, Timed]:
    """Time one method at every size."""
    found = {}
    for n in sizes:
        if method.most is not None and n > method.most:
            continue
        rng = np.random.default_rng(n)
        real, fake = rng.normal(size=(n, D)), rng.normal(size=(n, D)) + 0.05
        found[n] = in_turn({"ours": lambda r=real, f=fake: method.job(r, f)}, runs=3 if 100 < n <= _BLOCK else 1)[
            "ours"
        ]
    return found


def exponent(found: dict[int, Timed]) -> float:
    """Compute the exponent of growth between the last two sizes."""
    before, last = list(found)[-2:]
    return float(np.log(found[last].seconds / found[before].seconds) / np.log(last / before))


def growth_table(methods: Sequence[Method], sizes: Sequence[int]) -> tuple[str, list[Row]]:
    """Write a table of time and memory against the rows per side, and a row for each method's exponent."""
    lines = [
        "| rows per side | " + " | ".join(f"{n}" for n in sizes) + " | exponent |",
        "|" + "---|" * (len(sizes) + 2),
    ]
    rows = []
    for method in methods:
        found = timed(method, sizes)
        grown = exponent(found)
        cells = [f"{found[n].seconds:.3g} s, {found[n].megabytes or 0.0:.0f} MB" if n in found else "–" for n in sizes]
        lines.append(f"| {method.name} | " + " | ".join(cells) + f" | {grown:.2f} |")
        claim = f"an exponent of at most {method.exponent} (measured {grown:.2f})"
        last = found[max(found)]
        rows.append(Row(job=method.name, ours=last, peer=None, claims={claim: grown <= method.exponent}))
    return "\n".join(lines), rows


def measured(found: Ceilings, size: Size) -> tuple[list[str], list[Row]]:
    """Time every method at every size."""
    parts = [growth_table(methods, sizes) for methods, sizes in zip((ONCE, PAIRS), SIZES[size], strict=True)]
    return [text for text, _ in parts], [row for _, rows in parts for row in rows]


def page(size: Size) -> str:
    """Run the area and write its part of the page."""
    found = ceilings(quick=size == "quick")
    before = heading(found)
    tables, rows = measured(found, size)
    return "\n\n".join(
        [f"{before}\n{D} columns; memory is the rise of the peak.", *tables, shortfalls(rows, REASONS), ""]
    )


if __name__ == "__main__":
    command(page)
