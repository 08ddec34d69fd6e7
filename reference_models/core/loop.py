"""The only training loop. It counts steps of the generator, and everything it draws is keyed by the step."""

from __future__ import annotations

import dataclasses
import json
import math
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from gandiag.core.files import replace_file
from gandiag.errors import NumericalError
from reference_models.core.checkpoint import (
    Checkpoint,
    read_checkpoint,
    refuse_changes,
    restore,
    tensors_of,
    write_checkpoint,
)
from reference_models.core.data import Batches, Data
from reference_models.core.device import mixed_by_default, mixed_precision, repeatable
from reference_models.core.ema import MovingAverage
from reference_models.core.model import Model, ModelSpec, Scalars
from reference_models.core.presets import Preset
from reference_models.core.rng import Keys

Row = dict[str, float]


@dataclass(eq=False)
class Run:
    """One training run: a model, its data, and how far it has come.

    Parameters
    ----------
    spec : ModelSpec
    preset : Preset
        With every setting; a checkpoint of other settings is refused.
    data : Data
    model : Model
    keys : Keys
        Of step 0.
    out : Path, optional
        Folder of the checkpoint and the history.
    """

    spec: ModelSpec
    preset: Preset
    data: Data
    model: Model[Any]
    keys: Keys
    out: Path | None = None
    mixed: bool = False
    step: int = 0
    seconds: float = 0.0
    history: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        averaged = {name: self.model.networks[name] for name in self.model.averaged}
        self.average = MovingAverage(averaged, self.preset.average) if self.preset.average else None

    @property
    def checkpoint(self) -> Path | None:
        """Where the run is saved."""
        return None if self.out is None else self.out / "checkpoint.safetensors"

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that decides the course of the run, but for the number of steps."""
        free = ("steps", "name", "about", "model", "data")
        return {
            **{k: v for k, v in dataclasses.asdict(self.preset).items() if k not in free},
            **{f"model.{k}": v for k, v in dataclasses.asdict(self.model.config).items()},
            "model": self.spec.name,
            "seed": self.keys.seed,
            "data": self.data.provenance["fingerprints"],
            "units": [asdict(domain.units) for domain in self.data.domains],
            "mixed": self.mixed,
        }

    def save(self) -> None:
        """Write the checkpoint and what a person may read beside it."""
        if self.out is None or self.checkpoint is None:
            return
        from gandiag import __version__

        averages = self.average.state if self.average else {}
        tensors = tensors_of(self.model, averages)
        broken = [key for key, value in tensors.items() if value.is_floating_point() and not value.isfinite().all()]
        if broken:  # the checkpoint that is there is worth more
            raise NumericalError(
                "weights must stay finite",
                received=f"{len(broken)} tensors at step {self.step}, such as {broken[0]}",
                remedy="Lower the learning rate; the last checkpoint is from before.",
            )
        facts = {
            "name": self.spec.name,
            "preset": self.preset.name,
            "config": dataclasses.asdict(self.model.config),
            "equilibrium": self.model.equilibrium(),
            "settings": self.settings,
            "step": self.step,
            "steps": self.preset.steps,
            "seconds": round(self.seconds, 1),
            "seed": self.keys.seed,
            "average": self.preset.average,
            "device": _device_name(self.model.device),
            "data": self.data.provenance,
            "versions": {"torch": torch.__version__, "gandiag": __version__},
        }
        self.out.mkdir(parents=True, exist_ok=True)
        rows = "".join(json.dumps(row, allow_nan=False) + "\n" for row in self.history)
        # First the history: what it has beyond the checkpoint is dropped on loading, what it lacks would be lost.
        replace_file(self.out / "history.jsonl", rows.encode())
        write_checkpoint(self.checkpoint, Checkpoint(tensors=tensors, facts=facts))
        replace_file(self.out / "checkpoint.json", json.dumps(facts, indent=1, sort_keys=True).encode())

    def load(self) -> bool:
        """Go back to the last checkpoint, if there is one; a changed setting is refused."""
        if self.checkpoint is None or not self.checkpoint.exists() or self.out is None:
            return False
        saved = read_checkpoint(self.checkpoint)
        now = json.loads(json.dumps(self.settings))
        refuse_changes(saved.facts["settings"], now, where=self.out.name)
        restore(self.model, self.average.state if self.average else {}, saved, name=self.checkpoint.name)
        self.step, self.seconds = int(saved.facts["step"]), float(saved.facts["seconds"])
        history = self.out / "history.jsonl"
        lines = history.read_text().splitlines() if history.exists() else []
        self.history = [row for row in map(json.loads, lines) if row["step"] <= self.step]
        return True

    def log(self, scalars: Scalars) -> Row:
        """Write one row of the history; what is not finite ends the run."""
        row = {"step": float(self.step), **{k: float(v) for k, v in scalars.items()}}
        broken = [f"{k} = {v}" for k, v in row.items() if not math.isfinite(v)]
        if broken:
            raise NumericalError(
                "a loss must stay finite",
                received=f"{', '.join(broken)} at step {self.step}",
                remedy="Lower the learning rate; the last checkpoint is from before.",
            )
        self.history.append(row)
        return row


class Callback(Protocol):
    """Watches a run; never disturbs it."""

    def on_step(self, run: Run, scalars: Scalars) -> None:
        """Hear that one step is done."""
        ...


def fit(run: Run, steps: int | None = None, *, callbacks: Iterable[Callback] = ()) -> Run:
    """Train until ``steps`` steps are done in all.

    Ctrl-C ends the run after the step in hand, saves it, and raises KeyboardInterrupt; a second one ends it at once.

    Parameters
    ----------
    run : Run
    steps : int, optional
        The preset's when absent.
    callbacks : iterable of Callback

    Returns
    -------
    Run
        The same, saved where it has a folder.

    Raises
    ------
    NumericalError
        When a loss is not finite.
    """
    total = run.preset.steps if steps is None else steps
    watchers, start, before = list(callbacks), time.perf_counter(), run.seconds
    with _global_generators_restored(), repeatable(), _interrupts() as interrupted:
        while run.step < total and not interrupted:
            scalars = _one_step(run)
            run.seconds = before + time.perf_counter() - start
            if run.step % run.preset.log_every == 0 or run.step == total:
                run.log(scalars)
            for watcher in watchers:
                watcher.on_step(run, scalars)
            if run.step % run.preset.save_every == 0:
                run.save()
        run.save()
    if interrupted:
        raise KeyboardInterrupt
    return run


def _one_step(run: Run) -> Scalars:
    keys = run.keys.at(run.step)
    batches = Batches(run.data, keys, run.preset.batch, run.model.per_step, paired=run.model.paired)
    _seed_layers(run.model.device, keys.number("layers"))
    with mixed_precision(run.model.device, run.mixed):
        scalars = run.model.step(batches, keys)
    run.step += 1
    if run.average is not None:
        run.average.update(run.step)
    return scalars


def _seed_layers(device: torch.device, number: int) -> None:
    """Seed the global generators, from which dropout draws; torch's own call takes 2 ms, which is much of a step."""
    if device.type == "cpu":
        torch.default_generator.manual_seed(number)
    else:
        torch.manual_seed(number)


@contextmanager
def _global_generators_restored() -> Iterator[None]:
    with torch.random.fork_rng():
        yield


@contextmanager
def _interrupts() -> Iterator[list[bool]]:
    """Collect the first Ctrl-C instead of breaking off amid a step; in a thread there is none to collect."""
    caught: list[bool] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return

    def first(signum: int, frame: object) -> None:
        caught.append(True)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.stderr.write("\nending after this step; press Ctrl-C again to end at once\n")

    before = signal.signal(signal.SIGINT, first)
    try:
        yield caught
    finally:
        signal.signal(signal.SIGINT, before)


def mixed_choice(word: str, device: torch.device) -> bool:
    """Read "auto", "on" or "off"."""
    return {"auto": mixed_by_default(device), "on": True, "off": False}[word]


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
