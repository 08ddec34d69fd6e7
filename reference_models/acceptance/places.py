"""Which judge belongs to which training data."""

from __future__ import annotations

from collections.abc import Callable

from reference_models.acceptance.bars import Judge
from reference_models.acceptance.captioned import Captioned
from reference_models.acceptance.images import digits
from reference_models.acceptance.objects import Objects
from reference_models.acceptance.relations import Relation
from reference_models.acceptance.restorations import finer, holes, translated
from reference_models.acceptance.toys import Density, Modes, Stacked
from reference_models.acceptance.translations import Translation
from reference_models.core.presets import Preset
from reference_models.oracles.translation import bundled

PLACES: dict[str, Callable[[], Judge]] = {
    "ring8": lambda: Modes("toy:ring8", 8),
    "grid25": lambda: Modes("toy:grid25", 25),
    "moons": lambda: Density("toy:moons"),
    "digits": digits,
    "digits-binary": lambda: digits(binary=True),
    "stacked": Stacked,
    "captions": Captioned,
    "rotate": lambda: Translation(bundled("rotate")),
    "invert": lambda: Translation(bundled("invert")),
    "thicken": lambda: Translation(bundled("thicken")),
    "angles": Relation,
    "boxes": Objects,
    "thicken, in pairs": lambda: translated("thicken"),
    "digits, a hole filled": holes,
    "digits, made finer": finer,
}
_BY_ADDRESS = {
    "toy:ring8": "ring8",
    "toy:grid25": "grid25",
    "toy:moons": "moons",
    "data:digits?split=train": "digits",
    "data:stacked_digits": "stacked",
    "data:captions?split=train": "captions",
    "data:domains?side=b&kind=rotate": "rotate",
    "data:domains?side=b&kind=invert": "invert",
    "data:domains?side=b&kind=thicken": "thicken",
    "data:angles?side=b": "angles",
    "data:boxes?side=b": "boxes",
    "data:domains?side=pair&kind=thicken": "thicken, in pairs",
}


# Models that are asked for something else than images like those that they were trained on.
_BY_MODEL = {"context_encoder": "digits, a hole filled", "srgan": "digits, made finer"}


def place_of(model: str, preset: Preset) -> str:
    """Name the place where a preset's model is judged; empty where there is none (data of the user's own)."""
    if not preset.data:
        return ""
    if model in _BY_MODEL:
        return _BY_MODEL[model]
    found = _BY_ADDRESS.get(preset.data[-1], "")
    return "digits-binary" if found == "digits" and preset.scale == "binary" else found
