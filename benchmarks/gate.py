"""What the gate does, measured: ``python benchmarks/gate.py KIND [--runs R] [--jobs J]``.

Kinds are ``level``, ``modes``, ``healthy``, ``margin``, ``caught``, ``rare`` and ``power``.

Every run of the default gate draws fresh rows from streams keyed by its number, so a table can be continued: what is
done already is kept in a file beside this one and not run again. ``--only CASE``, once for each, measures a part of a
table: a source, a fault with or without its dial (``shrink``, ``shrink=0.5``), a condition. Several processes may
measure at a time. ``page`` writes what was measured into docs/gate.md, and leaves the other rows there as they are.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _gate_margins import MARGINS, RARE, nine_modes
from _gate_page import write_page

import gandiag
from gandiag.api import open_sampler
from gandiag.core.files import replace_file
from gandiag.core.rng import stream
from gandiag.gate.conditions import parse_condition
from gandiag.gate.decision import judge, overall
from gandiag.gate.policy import DEFAULT_REQUIRE, Policy
from gandiag.gate.running import bench_of, run_gate

HERE = Path(__file__).resolve().parent
STORE, PAGE = HERE / "gate.json", HERE.parent / "docs" / "gate.md"
LEVELS = (0.05, 0.01)
# Rows per side of the null simulations: small, so that 2 000 runs can be had.
SMALL = 100

Drawing = Callable[[int, int], tuple[Any, Any]]


def _split(rows: np.ndarray[Any, Any], n: int, seed: int) -> tuple[Any, Any]:
    """Deal rows of one set to both sides."""
    order = stream(seed, "gate split").permutation(len(rows))
    return rows[order[: n + n // 3]], rows[order[n + n // 3 : 2 * n + n // 3]]


def _drawn(address: str) -> Drawing:
    def draw(n: int, seed: int) -> tuple[Any, Any]:
        sampler = open_sampler(address)
        return tuple(
            next(iter(sampler.sample(rows, rng=stream(seed, "gate", side)).blocks()))[1]
            for side, rows in (("real", n + n // 3), ("fake", n))
        )  # type: ignore[return-value]

    return draw


def _digits(n: int, seed: int) -> tuple[Any, Any]:
    from sklearn.datasets import load_digits

    return _split(load_digits().data, n, seed)


def _digit_features(n: int, seed: int) -> tuple[Any, Any]:
    from sklearn.datasets import load_digits
    from sklearn.decomposition import PCA

    return _split(PCA(10, svd_solver="full").fit_transform(load_digits().data), n, seed)


def _heavy(n: int, seed: int) -> tuple[Any, Any]:
    rng = stream(seed, "gate heavy")
    return rng.standard_t(2.5, size=(n + n // 3, 64)), rng.standard_t(2.5, size=(n, 64))


def _counts(n: int, seed: int) -> tuple[Any, Any]:
    rng = stream(seed, "gate counts")
    return rng.poisson(1.0, size=(n + n // 3, 3)), rng.poisson(1.0, size=(n, 3))


SOURCES: dict[str, tuple[str, Drawing]] = {
    "grid25": ("2-D mixture of 25 Gaussians", _drawn("toy:grid25")),
    "digits": ("digits, 64 pixels", _digits),
    "digit features": ("digits, 10 principal components", _digit_features),
    "heavy tails": ("Student's t(2.5) in 64 dimensions", _heavy),
    "counts": ("Poisson counts in 3 columns: ties", _counts),
}
# Pathology -> dials, from mild to gross.
POWER = {
    "drop_modes": (1, 3, 12),
    "reweight_modes": (0.25, 0.5, 0.9),
    "shrink": (0.1, 0.25, 0.5),
    "duplicate": (0.01, 0.05, 0.3),
    "collapse": (0.01, 0.05, 0.3),
    "noise": (0.02, 0.05, 0.2),
    "shift": (0.1, 0.2, 0.5),
    "blur": (0.02, 0.05, 0.2),
}
# What must be caught in at least 95 % of runs, at 2 500 rows per side.
CAUGHT = {"drop_modes": 1, "shrink": 0.5, "duplicate": 0.05}
MODES = tuple(text for text in DEFAULT_REQUIRE if text.startswith("mode_"))
HEALTHY = ("toy:grid25", "toy:ring8", "toy:mixture")


def level_run(job: dict[str, Any]) -> dict[str, Any]:
    """Judge one law against itself at two error rates, from the same p-values."""
    return _null_run(job, DEFAULT_REQUIRE)


def modes_run(job: dict[str, Any]) -> dict[str, Any]:
    """Judge one law against itself by the conditions on modes, at their share of two error rates."""
    return _null_run(job, MODES)


def _null_run(job: dict[str, Any], require: Sequence[str]) -> dict[str, Any]:
    real, fake = SOURCES[job["source"]][1](job["n"], job["seed"])
    share = len(require) / len(DEFAULT_REQUIRE)
    policy = replace(
        Policy(alpha=share * min(LEVELS), n=job["n"], seed=job["seed"]).completed(with_train=False),
        require=tuple(parse_condition(text) for text in require),
    )
    verdict = run_gate(policy, open_sampler(real), ("fake", open_sampler(fake)), version=gandiag.__version__)
    if verdict.report is None:
        return {"error": str(verdict.error)}
    found: dict[str, Any] = {}
    for alpha in LEVELS:
        judged = judge(policy.require, bench_of(replace(policy, alpha=share * alpha), verdict.report, 0))
        found |= {str(alpha): overall(judged), f"by {alpha}": [j.condition for j in judged if j.outcome == "fail"]}
    return found


def fault_run(job: dict[str, Any]) -> dict[str, Any]:
    """Judge a sampler with a known fault, or none, by the default gate."""
    fake = job["source"] + (f"!{job['fault']}={job['dial']}" if job.get("fault") else "")
    verdict = gandiag.check(job["source"], fake, n=job["n"], alpha=job["alpha"], seed=job["seed"])
    return {
        "outcome": verdict.outcome,
        "by": [j.condition for j in verdict.judgements if j.outcome == "fail"],
        "open": [j.condition for j in verdict.judgements if j.outcome in ("inconclusive", "error")],
    }


def margin_run(job: dict[str, Any]) -> dict[str, Any]:
    """Judge a sampler that is as bad as the margin, by that condition alone at its share of the default alpha."""
    real, fake, train = MARGINS[job["condition"]][1](stream(job["seed"], "gate margin", job["condition"]), job["n"])
    share = 0.001 / len(DEFAULT_REQUIRE)
    verdict = gandiag.check(
        real, fake, train=train, require=[job["condition"]], n=job["n"], alpha=share, seed=job["seed"]
    )
    return {"outcome": verdict.outcome}


def rare_run(job: dict[str, Any]) -> dict[str, Any]:
    """Judge modes that nobody labelled, one of which is rare, by the conditions on modes at their share of alpha."""
    rng, n = stream(job["seed"], "gate rare", job["sampler"]), job["n"]
    real, fake = nine_modes(rng, n + n // 3, 0.02), nine_modes(rng, n, RARE[job["sampler"]])
    require = [text for text in MODES if text.startswith("mode_coverage")]
    share = 0.001 * len(require) / len(DEFAULT_REQUIRE)
    return {"outcome": gandiag.check(real, fake, require=require, n=n, alpha=share, seed=job["seed"]).outcome}


def rare_jobs(runs: int) -> Iterator[dict[str, Any]]:
    """List samplers of a law with a rare mode, at the default size."""
    for seed in range(runs):
        for sampler in RARE:
            yield {"kind": "rare", "sampler": sampler, "n": 2500, "seed": seed}


def margin_jobs(runs: int) -> Iterator[dict[str, Any]]:
    """List samplers that are as bad as a margin, at the default size."""
    for seed in range(runs):
        for condition in MARGINS:
            yield {"kind": "margin", "condition": condition, "n": 2500, "seed": seed}


def level_jobs(runs: int, kind: str = "level") -> Iterator[dict[str, Any]]:
    """List the null simulations, source by source in turn, so that a stop leaves a balanced table."""
    for seed in range(runs):
        for source in SOURCES:
            yield {"kind": kind, "source": source, "n": SMALL, "seed": seed}


def modes_jobs(runs: int) -> Iterator[dict[str, Any]]:
    """List the null simulations of the conditions on modes."""
    yield from level_jobs(runs, kind="modes")


def power_jobs(runs: int) -> Iterator[dict[str, Any]]:
    """List the faults of growing severity, at 1 000 rows and at the default error rate."""
    for seed in range(runs):
        for fault, dials in POWER.items():
            for dial in dials:
                yield _fault("power", fault, dial, 1000, seed)


def caught_jobs(runs: int) -> Iterator[dict[str, Any]]:
    """List the faults that generic tests miss, at the default size."""
    for seed in range(runs):
        for fault, dial in CAUGHT.items():
            yield _fault("caught", fault, dial, 2500, seed)


def healthy_jobs(runs: int) -> Iterator[dict[str, Any]]:
    """List runs of the default gate on samplers with nothing wrong."""
    for seed in range(runs):
        for source in HEALTHY:
            yield {"kind": "healthy", "source": source, "n": 2500, "alpha": 0.001, "seed": seed}


def _fault(kind: str, fault: str, dial: float, n: int, seed: int) -> dict[str, Any]:
    about = {"kind": kind, "source": "toy:grid25", "fault": fault, "dial": dial}
    return about | {"n": n, "alpha": 0.001, "seed": seed}


KINDS = {
    "level": (level_jobs, level_run),
    "modes": (modes_jobs, modes_run),
    "power": (power_jobs, fault_run),
    "caught": (caught_jobs, fault_run),
    "healthy": (healthy_jobs, fault_run),
    "margin": (margin_jobs, margin_run),
    "rare": (rare_jobs, rare_run),
}


def _key(job: dict[str, Any]) -> str:
    return " | ".join(f"{k}={v}" for k, v in job.items())


def _run(job: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return _key(job), KINDS[job["kind"]][1](job)


def named(job: dict[str, Any]) -> set[str]:
    """Name the case that a job belongs to, in every way in which it may be asked for."""
    for key in ("condition", "sampler"):
        if key in job:
            return {job[key]}
    fault = job.get("fault")
    return {job["source"]} if fault is None else {fault, f"{fault}={job['dial']:g}"}


def jobs_of(kind: str, runs: int, only: Sequence[str] = ()) -> list[dict[str, Any]]:
    """List the jobs of a kind, of all its cases or of the named ones."""
    jobs = list(KINDS[kind][0](runs))
    known = set().union(*(named(job) for job in jobs))
    if not set(only) <= known:
        unknown = ", ".join(sorted(set(only) - known))
        raise SystemExit(f"{kind} has no case {unknown}; there are: {', '.join(sorted(known))}")
    return [job for job in jobs if not only or named(job) & set(only)]


def measure(kind: str, runs: int, jobs: int, only: Sequence[str]) -> None:
    """Run what the store lacks, and keep it every so often."""
    store: dict[str, Any] = json.loads(STORE.read_text()) if STORE.exists() else {}
    todo = [job for job in jobs_of(kind, runs, only) if _key(job) not in store]
    found: dict[str, Any] = {}
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for done, (key, outcome) in enumerate(pool.imap_unordered(_run, todo), 1):
            found[key] = outcome
            if done % 10 == 0 or done == len(todo):
                _keep(found)
                print(f"{kind}: {done} of {len(todo)}", file=sys.stderr, flush=True)


def _keep(found: dict[str, Any]) -> None:
    """Add to the store, which other processes may be adding to."""
    with STORE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        store = (json.loads(STORE.read_text()) if STORE.exists() else {}) | found
        replace_file(STORE, (json.dumps(store, indent=0, sort_keys=True) + "\n").encode())


def main() -> None:
    """Measure one kind, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=[*KINDS, "page"])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", action="append", default=[], metavar="CASE")
    asked = parser.parse_args()
    if asked.kind == "page":
        store = json.loads(STORE.read_text()) if STORE.exists() else {}
        write_page(store, PAGE, {name: title for name, (title, _) in SOURCES.items()})
    else:
        measure(asked.kind, asked.runs, asked.jobs, asked.only)


if __name__ == "__main__":
    main()
