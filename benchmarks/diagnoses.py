"""How often is the known fault named first? Sources x pathologies x severities x seeds, one line each.

``python benchmarks/diagnoses.py tuned`` runs the sources that the rules were tuned on, ``held-out`` those that they
never saw, ``healthy`` equal laws (where anything but `ok` is a false alarm).
"""

from __future__ import annotations

import sys
import time
from collections import Counter

import gandiag

DIGITS = ("data:digits?split=third1", "data:digits?split=third2", "data:digits?split=third3")

# (real, train, healthy fake); endless laws need no third part.
SOURCES = {
    "ring8": ("toy:ring8", "toy:ring8", "toy:ring8"),
    "digits": DIGITS,
    "grid25": ("toy:grid25", "toy:grid25", "toy:grid25"),
    "mixture10": ("toy:mixture?dim=10&k=6", "toy:mixture?dim=10&k=6", "toy:mixture?dim=10&k=6"),
    "mixture32": ("toy:mixture?dim=32&k=4&seed=7", "toy:mixture?dim=32&k=4&seed=7", "toy:mixture?dim=32&k=4&seed=7"),
    "digits-b": (DIGITS[2], DIGITS[0], DIGITS[1]),
    "moons": ("toy:moons", "toy:moons", "toy:moons"),
}
TUNED = ("ring8", "digits")
HELD_OUT = ("grid25", "mixture10", "mixture32", "digits-b")

TUNED_FAULTS = [
    ("modes_missing", "drop_modes=3"),
    ("modes_missing", "drop_modes=1"),
    ("duplicates", "duplicate=0.3"),
    ("duplicates", "collapse=1"),
    ("memorised", "memorise=1"),
    ("modes_shrunken", "shrink=0.5"),
    ("noise_mixture", "noise=0.99"),
    ("noise_mixture", "noise=0.2"),
    ("modes_imbalanced", "reweight_modes=0.5"),
    ("shifted", "shift=0.5"),
]
HELD_OUT_FAULTS = [
    ("modes_missing", "drop_modes=2"),
    ("duplicates", "duplicate=0.1"),
    ("duplicates", "collapse=0.2"),
    ("memorised", "memorise=0.5"),
    ("modes_shrunken", "shrink=0.3"),
    ("modes_shrunken", "shrink=0.7"),
    ("noise_mixture", "noise=0.5"),
    ("noise_mixture", "noise=0.1"),
]


def first_finding(source: str, fault: str | None, seed: int, n: int) -> tuple[str, str]:
    """Score one faulty sampler; return the code and sentence that lead."""
    real, train, healthy = SOURCES[source]
    fake = healthy if fault is None else f"{train if 'memorise' in fault else healthy}!{fault}"
    if fault is not None and "memorise" in fault and "toy:" in fake:
        return _memoriser_of_a_toy(real, train, fault, seed, n)
    report = gandiag.score(real, fake, train=train if fault and "memorise" in fault else None, seed=seed, n=n)
    lead = report.diagnoses[0]
    return lead.code, f"[{lead.severity}] {lead.sentence} <- {', '.join(d.code for d in lead.explains)}; beside: " + (
        ", ".join(d.code for d in report.diagnoses[1:])
    )


def _memoriser_of_a_toy(real: str, train: str, fault: str, seed: int, n: int) -> tuple[str, str]:
    """Memorise a finite draw of an endless law; the same rows are given as the training set."""
    from gandiag.core.specs import PATHOLOGIES

    name, _, severity = fault.partition("=")
    sampler = PATHOLOGIES.get(name).wrap(gandiag.open_sampler(train), float(severity), size=n)
    report = gandiag.score(real, sampler, train=sampler.memory, seed=seed, n=n)  # type: ignore[attr-defined]
    lead = report.diagnoses[0]
    return lead.code, f"[{lead.severity}] {lead.sentence}"


def main(which: str, seeds: range, n: int) -> None:
    """Run a grid and print it with its totals."""
    sources = {"tuned": TUNED, "held-out": HELD_OUT, "healthy": TUNED + HELD_OUT}[which]
    faults = {"tuned": TUNED_FAULTS, "held-out": HELD_OUT_FAULTS, "healthy": [("ok", None)]}[which]
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for source in sources:
        for expected, fault in faults:
            for seed in seeds:
                start = time.perf_counter()
                got, says = first_finding(source, fault, seed, n)
                right[expected] += got == expected
                total[expected] += 1
                mark = "  " if got == expected else "!!"
                print(
                    f"{mark} {source:<10} {fault or 'healthy':<20} seed {seed}  {got:<16} "
                    f"{time.perf_counter() - start:5.1f} s  {says}",
                    flush=True,
                )
    for code, count in total.items():
        print(f"{code:<18} {right[code]} of {count}")


if __name__ == "__main__":
    kind = sys.argv[1] if len(sys.argv) > 1 else "tuned"
    first, last = (int(x) for x in (sys.argv[2] if len(sys.argv) > 2 else "0:1").split(":"))
    main(kind, range(first, last), int(sys.argv[3]) if len(sys.argv) > 3 else 1000)
