"""Acceptance: train with several seeds, judge, and write down what came out, passes and failures alike."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from gandiag.core.files import replace_file
from reference_models.acceptance.bars import STORE, Bar, Judge, Numbers, failed, stored_bars
from reference_models.acceptance.own_images import OwnImages
from reference_models.acceptance.places import PLACES, place_of
from reference_models.core.model import MODELS
from reference_models.core.presets import preset_names, preset_of

RESULTS = Path(__file__).with_name("results.json")
# Why a preset misses its bars, where that is known; "model/preset" -> a clause.
REASONS = Path(__file__).with_name("reasons.json")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training run to be judged."""

    model: str
    preset: str
    seed: int
    out: Path
    images: OwnImages | None = None

    @property
    def place(self) -> str:
        """Where the model is judged."""
        if self.images is None:
            return place_of(self.model, preset_of(self.model, self.preset))
        return self.images.place(self.domains)

    @property
    def judge(self) -> Judge:
        """Who judges it."""
        return _judge(self.place) if self.images is None else self.images.judge(self.domains)

    def trained(self) -> tuple[float, int]:
        """Train, or go on with what is there, and give minutes and steps; of a whole run no data are read."""
        from reference_models.core.checkpoint import read_facts
        from reference_models.core.running import train

        facts = read_facts(self.folder / "checkpoint.safetensors") if self.folder.exists() else None
        if facts is not None and facts["step"] == facts["steps"] == preset_of(self.model, self.preset).steps:
            return facts["seconds"] / 60, facts["step"]
        data = None if self.images is None else self.images.sources(self.domains, self.out)
        device = "cpu" if self.images is None else "auto"
        run = train(self.model, self.preset, seed=self.seed, out=self.folder, data=data, device=device)
        return run.seconds / 60, run.step

    @property
    def domains(self) -> int:
        """How many sources the model is trained on."""
        return MODELS.get(self.model).model.domains

    @property
    def folder(self) -> Path:
        """Where the run lies."""
        return self.out / f"{self.model}-{self.preset}-{self.seed}"


def judged_presets(models: Iterable[str] | None = None) -> list[tuple[str, str]]:
    """List the presets of models that a judge exists for; smoke presets are too short to be judged."""
    found = []
    for model in models or MODELS.names():
        for preset in preset_names(model):
            if preset.startswith("cpu") and place_of(model, preset_of(model, preset)):
                found.append((model, preset))
    return found


def run_job(job: Job) -> dict[str, Any]:
    """Train, or go on with what is there, and judge; what breaks is a row that says so."""
    import torch

    from reference_models.core.trained import load

    torch.set_num_threads(1)
    row: dict[str, Any] = {"model": job.model, "preset": job.preset, "seed": job.seed}
    done = job.folder / "judged.json"
    asked = asdict(preset_of(job.model, job.preset))
    for known in _judged_before(job):
        if known.get("asked") == json.loads(json.dumps(asked)):
            return known
    try:
        minutes, steps = job.trained()
        numbers = job.judge.judge(load(job.folder), seed=job.seed)
    except Exception as error:
        return {**row, "error": f"{type(error).__name__}: {error}"}
    odd = [key for key, value in numbers.items() if not math.isfinite(value)]
    if odd:
        return {**row, "error": f"no number for {', '.join(odd)}"}
    row |= {"minutes": round(minutes, 2), "steps": steps, "numbers": numbers, "asked": asked}
    replace_file(done, json.dumps(row, allow_nan=False).encode())
    return row


def _judged_before(job: Job) -> Iterator[dict[str, Any]]:
    """Give what is known of a job: from its folder, and from the results that are kept."""
    done = job.folder / "judged.json"
    if done.exists():
        yield json.loads(done.read_text())
    for found in json.loads(RESULTS.read_text()) if RESULTS.exists() else []:
        if (found["model"], found["preset"], found["place"]) == (job.model, job.preset, job.place):
            yield from (row for row in found["seeds"] if row.get("seed") == job.seed and "error" not in row)


@lru_cache(maxsize=4)
def _judge(place: str) -> Judge:
    return PLACES[place]()


def accept(
    presets: list[tuple[str, str]], *, seeds: int, out: Path, jobs: int = 1, images: Path | None = None
) -> list[dict[str, Any]]:
    """Train and judge presets with seeds 0, 1, ..., and sum up each.

    Parameters
    ----------
    presets : list of (str, str)
        Models, and the preset of each.
    seeds : int
    out : Path
        Folder of the runs.
    jobs : int
        Processes.
    images : Path, optional
        Labelled images of the user's own that the models are trained on and judged by; see `own_images`.

    Returns
    -------
    list of dict
        One per preset: the medians over the seeds, which bars they miss, the minutes, and the rows of the seeds.
    """
    own = None if images is None else OwnImages(images.resolve())
    bars = {(m, p): _bars(Job(model=m, preset=p, seed=0, out=out, images=own)) for m, p in presets}  # before training
    fresh = None if own is None else OwnImages(own.path)  # without the arrays, since it travels to other processes
    todo = [Job(model=m, preset=p, seed=s, out=out, images=fresh) for s in range(seeds) for m, p in presets]
    if jobs == 1:
        rows = [run_job(job) for job in todo]
    else:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            rows = list(pool.map(run_job, todo))
    return [summed_up(m, p, [r for r in rows if (r["model"], r["preset"]) == (m, p)], *bars[m, p]) for m, p in presets]


def _bars(job: Job) -> tuple[str, list[Bar]]:
    if job.images is None:
        return job.place, stored_bars(job.place)
    return job.place, [Bar(**bar) for bar in job.images.bars(job.domains, job.out)["bars"]]


def summed_up(model: str, preset: str, rows: list[dict[str, Any]], place: str, bars: list[Bar]) -> dict[str, Any]:
    """Sum up the seeds of one preset: it passes when more than half of them clear every bar and none broke.

    Whole seeds are counted, not bars: medians of each number would pass three seeds of which each fails another bar.
    """
    broken = [row["error"] for row in rows if "error" in row]
    whole = [row for row in rows if "error" not in row]
    medians = median_numbers([row["numbers"] for row in whole])
    misses = [failed(bars, row["numbers"]) for row in whole]
    passes = not broken and 2 * sum(not missed for missed in misses) > len(rows)
    return {
        "model": model,
        "preset": preset,
        "place": place,
        "passes": passes,
        "misses": [] if passes else sorted({name for missed in misses for name in missed}),
        "broken": broken,
        "median": medians,
        "minutes": statistics.median([row["minutes"] for row in whole]) if whole else None,
        "seeds": rows,
    }


def median_numbers(rows: list[Numbers]) -> Numbers:
    """Take the median of every number over the seeds."""
    return {key: round(statistics.median([row[key] for row in rows]), 4) for key in rows[0]} if rows else {}


def store(results: list[dict[str, Any]], path: Path = RESULTS, *, bars: Path | None = None) -> None:
    """Put results beside those that are kept, seed by seed, and bars beside the bars.

    Seeds that are kept and were not run again stay, where they were asked for with the same settings.
    """
    if bars is not None:
        known = {**json.loads(STORE.read_text()), **json.loads(bars.read_text())}
        replace_file(STORE, json.dumps(known, indent=1, sort_keys=True).encode() + b"\n")
    kept = {(r["model"], r["preset"]): r for r in (json.loads(path.read_text()) if path.exists() else [])}
    kept |= {(r["model"], r["preset"]): _joined(kept.get((r["model"], r["preset"])), r) for r in results}
    lines = ",\n".join(json.dumps(kept[key], sort_keys=True, allow_nan=False) for key in sorted(kept))
    replace_file(path, f"[\n{lines}\n]\n".encode())


def _joined(kept: dict[str, Any] | None, found: dict[str, Any]) -> dict[str, Any]:
    asked = [row.get("asked") for row in found["seeds"]]
    ours = {row["seed"] for row in found["seeds"]}
    rows = [] if kept is None or kept["place"] != found["place"] else kept["seeds"]
    more = [row for row in rows if row["seed"] not in ours and row.get("asked") in asked]
    if not more:
        return found
    seeds = sorted([*more, *found["seeds"]], key=lambda row: int(row["seed"]))
    return summed_up(found["model"], found["preset"], seeds, found["place"], stored_bars(found["place"]))


def table(path: Path = RESULTS) -> str:
    """Write the table of all models as Markdown: what was asked, what came out."""
    results = {(r["model"], r["preset"]): r for r in (json.loads(path.read_text()) if path.exists() else [])}
    lines = ["| model | formula | preset | minutes | judged as | seeds | result | medians |", "|---" * 8 + "|"]
    for spec in MODELS:
        for preset in preset_names(spec.name):
            found = results.get((spec.name, preset))
            place = place_of(spec.name, preset_of(spec.name, preset)) if found is None else found["place"]
            if not preset.startswith("cpu") and found is None:
                continue
            lines.append(f"| {spec.name} | `{_cell(spec.formula)}` | {preset} | {_outcome(found, place)} |")
    return "\n".join(lines)


def _outcome(found: dict[str, Any] | None, place: str) -> str:
    if not place:
        return "– | by its oracle in the tests | – | – | –"
    if found is None:
        return f"– | {place} | 0 | not run | –"
    verdict = "passes" if found["passes"] else f"**fails**: {', '.join(found['misses'] + found['broken'])}"
    reason = json.loads(REASONS.read_text()).get(f"{found['model']}/{found['preset']}")
    verdict += f" ({reason})" if reason and not found["passes"] else ""
    numbers = ", ".join(f"{key} {value:.3g}" for key, value in found["median"].items())
    minutes = "–" if found["minutes"] is None else f"{found['minutes']:.1f}"
    return f"{minutes} | {place} | {len(found['seeds'])} | {verdict} | {numbers}"


def bars_table(bars: list[Bar]) -> str:
    """Write bars as Markdown."""
    lines = ["| number | must be | limit | where it comes from |", "|---|---|---|---|"]
    lines += [f"| {bar.number} | {bar.side} | {bar.limit:.3g} | {_cell(bar.rule)} |" for bar in bars]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
