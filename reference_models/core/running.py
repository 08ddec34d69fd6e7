"""Begin a run, or go on with one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gandiag.core.checks import require_seed
from gandiag.errors import ConfigError
from reference_models.core.checkpoint import read_checkpoint
from reference_models.core.data import Data, from_file
from reference_models.core.device import chosen_device
from reference_models.core.loop import Callback, Run, fit, mixed_choice
from reference_models.core.model import MODELS, config_of
from reference_models.core.presets import Preset, changed, preset_of
from reference_models.core.rng import Keys


def begin(
    name: str,
    preset: str | Preset = "smoke",
    *,
    data: Sequence[object] | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    device: str = "auto",
    mixed: str = "auto",
    **changes: Any,
) -> Run:
    """Set up a run without a step done; where ``out`` holds a checkpoint, the run goes on from there.

    Parameters
    ----------
    name : str
        Of the model; see ``python -m reference_models list``.
    preset : str or Preset
    data : sequence, optional
        One source per domain, instead of the preset's.
    out : path, optional
        Folder of the run.
    seed : int
    device : {"auto", "cpu", "cuda", "mps"}
    mixed : {"auto", "on", "off"}
        bfloat16 products. On by default on CUDA alone.
    **changes
        Other values of settings of the preset or of the model.

    Returns
    -------
    Run

    Raises
    ------
    ConfigError
        For an unknown name or setting, absent data, or a checkpoint with other settings.
    """
    require_seed(seed)
    spec = MODELS.get(name)
    chosen = preset_of(name, preset, **changes) if isinstance(preset, str) else changed(preset, **changes)
    sources: Sequence[object] = chosen.data if data is None else data
    if len(sources) != spec.model.domains:
        raise ConfigError(
            f"{name} is trained on {spec.model.domains} source{'s' * (spec.model.domains > 1)} of data",
            received=list(sources) or "none",
            remedy="Pass --data PATH, once per domain.",
        )
    place = chosen_device(device)
    found = Data(sources, chosen.scale)
    if spec.model.paired:
        found.require_pairs()
    for domain in found.domains:
        domain.to(place)
    keys = Keys(seed, device=place)
    model = spec.model(config_of(spec.config, chosen.model), found.units, keys)
    run = Run(
        spec=spec,
        preset=chosen,
        data=found,
        model=model,
        keys=keys,
        out=None if out is None else Path(out),
        mixed=mixed_choice(mixed, place),
    )
    run.load()
    return run


def train(name: str, preset: str | Preset = "smoke", *, callbacks: Iterable[Callback] = (), **options: Any) -> Run:
    """Train a model to the end of its preset; see `begin` for the options.

    Examples
    --------
    >>> run = train("gan", "smoke", steps=3)
    >>> run.step
    3
    """
    return fit(begin(name, preset, **options), callbacks=callbacks)


def resume(
    out: str | Path,
    *,
    steps: int | None = None,
    data: Sequence[object] | None = None,
    device: str = "auto",
    callbacks: Iterable[Callback] = (),
) -> Run:
    """Go on with the run in a folder, up to ``steps`` in all (its preset's when absent); bit for bit on one machine.

    Data that were no built-in must be given again; they are refused when they have changed.
    """
    facts = read_checkpoint(Path(out) / "checkpoint.safetensors").facts
    settings = facts["settings"]
    known = Preset.__dataclass_fields__
    own = {k: v for k, v in settings.items() if k in known and k not in ("model", "data")}
    sources = [from_file(source) for source in facts["data"]["sources"]] if data is None else list(data)
    target = steps or _steps(facts)
    names = {"name": facts["preset"], "data": facts["data"]["sources"]}
    preset = config_of(Preset, {**own, **names, "model": facts["config"], "steps": target})
    run = begin(
        facts["name"],
        preset,
        data=sources,
        out=out,
        seed=facts["seed"],
        device=device,
        mixed="on" if settings["mixed"] else "off",
    )
    return fit(run, callbacks=callbacks)


def _steps(facts: dict[str, Any]) -> int:
    return int(facts.get("steps", facts["step"]))


def history_of(out: str | Path) -> list[dict[str, float]]:
    """Read the history of a run."""
    return [json.loads(line) for line in (Path(out) / "history.jsonl").read_text().splitlines()]
