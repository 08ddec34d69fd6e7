"""Presets: the settings of a run, in one TOML file per model."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gandiag.core.checks import unknown_name
from gandiag.errors import ConfigError
from reference_models.core.model import config_of

FOLDER = Path(__file__).parents[1] / "presets"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """The settings of a run.

    Parameters
    ----------
    name : str
        ``smoke`` (2 s), ``cpu`` (seconds to minutes on two cores), ``cpu-...`` for other data, ``gpu28`` ... for the
        user's own.
    about : str
        One line.
    data : list of str
        Addresses of the training data, one per domain; empty where the user must bring them.
    scale : {"none", "symmetric", "unit", "binary"}
        The range that the model works in.
    steps, batch : int
        Steps of the generator, and rows per batch.
    average : float
        Decay of the moving average of the generator's weights; 0 for none.
    log_every, save_every : int
        Steps between rows of the history, and between checkpoints.
    model : dict
        The model's own settings, where they are not its defaults.
    """

    name: str = ""
    about: str = ""
    data: list[str] = field(default_factory=list)
    scale: str = "none"
    steps: int = 1000
    batch: int = 64
    average: float = 0.0
    log_every: int = 50
    save_every: int = 1000
    model: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, low in (("steps", 1), ("batch", 1), ("log_every", 1), ("save_every", 1)):
            if getattr(self, name) < low:
                raise ConfigError(f"`{name}` must be at least {low}", received=getattr(self, name), remedy="Raise it.")
        if not 0 <= self.average < 1:
            raise ConfigError("`average` must lie in [0, 1)", received=self.average, remedy="Pass 0 for none.")


def preset_names(model: str) -> tuple[str, ...]:
    """Name the presets of a model, in the order of its file."""
    return tuple(_table(model))


def preset_of(model: str, name: str, **changes: Any) -> Preset:
    """Read a preset, with some settings changed; those of the model by their own names.

    Raises
    ------
    UnknownName, ConfigError
    """
    table = _table(model)
    if name not in table:
        raise unknown_name(
            name, list(table), what=f"preset of {model}", listing="See `python -m reference_models list`."
        )
    return changed(config_of(Preset, {**table[name], "name": name}), **changes)


def changed(preset: Preset, **changes: Any) -> Preset:
    """Change settings of a preset, or of its model, by their own names; wrong types are refused."""
    own = {k: v for k, v in changes.items() if k in Preset.__dataclass_fields__ and k != "model"}
    inner = {k: v for k, v in changes.items() if k not in own}
    return config_of(Preset, {**asdict(preset), **own, "model": {**preset.model, **inner}})


def _table(model: str) -> dict[str, dict[str, Any]]:
    path = FOLDER / f"{model}.toml"
    return tomllib.loads(path.read_text()) if path.exists() else {}
