"""The best checkpoint by one metric, and when to stop: what the loss of a GAN cannot tell.

The best of many noisy scores is optimistic: among k equally good checkpoints the winner was lucky, by about
``sd * sqrt(2 log k)``. So the chosen one is scored again on fresh samples before its score is quoted
(`Monitor.rescore`), and an improvement counts for the stopping rule only when it exceeds the metric's noise.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gandiag.core.files import replace_file
from gandiag.core.specs import METRICS
from gandiag.errors import ConfigError, FileFormatError, IntegrityError
from gandiag.monitor.history import History, plain

SIDECAR = "best.json"
OPTIMISM = (
    "the best of many noisy scores is optimistic: score the chosen checkpoint again on fresh samples before quoting it"
)
States = dict[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Best:
    """The chosen checkpoint.

    Attributes
    ----------
    metric : str
    step : int
    estimate : float
        Its score when it was chosen: optimistic, being the best of ``of`` scores.
    floor, noise : float or None
        What equal laws score at these sizes, and the standard deviation of that.
    of : int
        How many scores it is the best of.
    path : str or None
        Its safetensors file; None where it is kept in memory only.
    """

    metric: str
    step: int
    estimate: float
    floor: float | None
    noise: float | None
    of: int
    path: str | None = None
    note: str = OPTIMISM


class Keeper:
    """Keeps the best checkpoint, and counts the looks without material improvement.

    Parameters
    ----------
    metric : str
        Its spec says which direction is better; for "target" it is the distance from the floor.
    patience : int or None
        Looks without material improvement after which to stop; None for never.
    min_delta : float or None
        What counts as an improvement; the standard deviation of the metric's floor when None.
    folder : Path or None
        Where the checkpoint goes; in memory when None.
    """

    def __init__(
        self, metric: str, *, patience: int | None = None, min_delta: float | None = None, folder: Path | None = None
    ) -> None:
        if patience is not None and patience < 1:
            raise ConfigError("`patience` must be at least 1 look", received=patience, remedy="Pass patience=10.")
        self.metric, self.direction = metric, METRICS.get(metric).direction
        self.patience, self.min_delta, self.folder = patience, min_delta, folder
        self.best: Best | None = None
        self.waited = 0
        self._states: States = {}
        self._least = self._material = float("inf")

    @classmethod
    def of(
        cls,
        best: str | None,
        metrics: tuple[str, ...],
        *,
        patience: int | None,
        min_delta: float | None,
        folder: Path | None,
    ) -> Keeper | None:
        """Read what the user asked for: "auto" is the first of the metrics, None is no keeper."""
        metric = next(iter(metrics), None) if best == "auto" else best
        if metric is None:
            if patience is not None:
                raise ConfigError(
                    "`patience` needs a metric to judge by", received="none", remedy='Pass best="frechet".'
                )
            return None
        if metric not in metrics:
            raise ConfigError(
                "`best` must be one of the metrics", received=metric, remedy=f"Add it to {list(metrics)}."
            )
        return cls(metric, patience=patience, min_delta=min_delta, folder=folder)

    @property
    def should_stop(self) -> bool:
        """Tell whether patience has run out."""
        return self.patience is not None and self.waited >= self.patience

    def hear(self, step: int, values: Mapping[str, float | None]) -> bool:
        """Take the numbers of one look; tell whether it is the best so far. An absent score counts neither way."""
        estimate, floor, noise = (values.get(f"score/{self.metric}{part}") for part in ("", ".floor", ".floor_sd"))
        if estimate is None:
            return False
        loss = self._loss(estimate, floor)
        margin = self.min_delta if self.min_delta is not None else (noise or 0.0)
        if loss < self._material - margin:
            self._material, self.waited = loss, 0
        else:
            self.waited += 1
        of = 1 if self.best is None else self.best.of + 1
        if self.best is not None and loss >= self._least:
            self.best = replace(self.best, of=of)
            return False
        self._least = loss
        self.best = Best(metric=self.metric, step=step, estimate=estimate, floor=floor, noise=noise, of=of)
        return True

    def catch_up(self, history: History) -> None:
        """Hear again what an earlier part of the run heard, and take up the checkpoint that it left."""
        for row in history.of("score"):
            self.hear(row["step"], row["values"])
        facts = _sidecar(self.folder) if self.folder is not None else None
        if self.best is not None and self.folder is not None and facts and facts.get("step") == self.best.step:
            self.best = replace(self.best, path=str(self.folder / facts["file"]))

    def keep(self, modules: Mapping[str, Any]) -> None:
        """Store the networks of the look that was just heard to be the best; in memory where the disk fails."""
        if self.best is None or not modules:
            return
        states = {name: _copied(module.state_dict()) for name, module in modules.items()}
        self._states = states
        if self.folder is not None:
            path = write_checkpoint(self.folder, states, asdict(self.best))
            self.best = replace(self.best, path=str(path))
            self._states = {}

    def states(self) -> States:
        """Give the stored state of every network.

        Raises
        ------
        ConfigError
            When no checkpoint has been stored.
        """
        if self._states:
            return self._states
        if self.folder is None or self.best is None or self.best.path is None:
            raise ConfigError(
                "there must be a best checkpoint",
                received="none so far",
                remedy="Name the networks with modules=, and let the observer score at least once.",
            )
        return read_checkpoint(self.folder)

    def _loss(self, estimate: float, floor: float | None) -> float:
        """Turn the score so that less is better."""
        if self.direction == "target":
            return abs(estimate - (floor or 0.0))
        return -estimate if self.direction == "higher" else estimate


def load_state(module: Any, state: Mapping[str, Any]) -> None:
    """Copy weights into a network in place, so that its optimiser keeps pointing at them."""
    module.load_state_dict(dict(state), strict=False)


def _copied(state: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the tensors of a state to the host; what is no tensor (extra state) is left out."""
    return {key: v.detach().cpu().clone().contiguous() for key, v in state.items() if hasattr(v, "detach")}


def write_checkpoint(folder: Path, states: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Any]) -> Path:
    """Write the weights, then the sidecar that names them; only then the weights of the former best go.

    Whenever the run is cut off, the sidecar names a file that is whole.
    """
    from safetensors.torch import save

    tensors = {f"{name}.{key}": value for name, state in states.items() for key, value in state.items()}
    data = bytes(save(tensors, metadata={"written_by": "gandiag monitor"}))
    former = _sidecar(folder)
    path = folder / f"best-{facts['step']}.safetensors"
    replace_file(path, data)
    about = {key: value for key, value in facts.items() if key != "path"}
    about |= {"file": path.name, "sha256": hashlib.sha256(data).hexdigest(), "modules": sorted(states)}
    text = json.dumps(plain(about), indent=1, allow_nan=False) + "\n"
    replace_file(folder / SIDECAR, text.encode("utf-8"))
    if former is not None and former["file"] != path.name:
        with suppress(OSError):
            (folder / former["file"]).unlink()
    return path


def _sidecar(folder: Path) -> dict[str, Any] | None:
    """Read the sidecar; None where there is none that names a plain file beside it."""
    try:
        facts = json.loads((folder / SIDECAR).read_bytes())
    except (OSError, ValueError):
        return None
    name = facts.get("file") if isinstance(facts, dict) else None
    if not isinstance(name, str) or Path(name).name != name or not name.startswith("best-"):
        return None
    return dict(facts)


def read_checkpoint(folder: str | Path) -> States:
    """Read the best checkpoint of a run: the state of every network by name.

    Raises
    ------
    FileFormatError
        When the folder holds none.
    IntegrityError
        When the weights are not those that ``best.json`` names.
    """
    from safetensors.torch import load

    folder = Path(folder)
    facts = _sidecar(folder)
    try:
        data = b"" if facts is None else (folder / facts["file"]).read_bytes()
    except OSError:
        facts = None
    if facts is None:
        raise FileFormatError(
            "a best checkpoint is a best.json and the .safetensors file that it names",
            received=str(folder),
            remedy="Name the folder that was given as out=.",
        )
    if hashlib.sha256(data).hexdigest() != facts.get("sha256"):
        raise IntegrityError(
            f"{facts['file']} must be the file that best.json names",
            received="another SHA-256",
            remedy="Somebody changed one of the two: train again, or score the weights as they are.",
        )
    tensors = load(data)
    return {
        name: {key.removeprefix(f"{name}."): v for key, v in tensors.items() if key.startswith(f"{name}.")}
        for name in facts["modules"]
    }
