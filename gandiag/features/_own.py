"""A feature map of the user's own: ``package.module:attr`` or ``file.py:attr``. This runs that code.

What is named may be

* a feature map in full: callable on samples, with ``fingerprint()`` and ``modes()`` (see `gandiag.core.protocols`);
* a torch module: it gets float32 rows, images as (b, channels, h, w) of values 0 to 1;
* any other callable: it gets the rows as they are, NumPy of shape (b, ...), images with channels last;
* a class, which is called without arguments and gives one of these.

Rows go in blocks, and features come back with one row each. The fingerprint of a callable or a module is a digest of
the file that defines it, and of a module's tensors: give an object of your own ``fingerprint()`` where more decides.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.protocols import FeatureMap
from gandiag.core.samples import KnownModes, SampleSet, on_host
from gandiag.core.wrapped_maps import WrappedMap
from gandiag.errors import ConfigError, DtypeError, GandiagError, NonFiniteError, ShapeError
from gandiag.features._images import unit_values
from gandiag.features._packages import digest_of_state

_ROWS = 256


def is_own(name: str) -> bool:
    """Tell whether a name of features is that of code: a dotted module or a .py file, a colon and an attribute."""
    module, colon, attribute = name.rpartition(":")
    if not colon or not all(part.isidentifier() for part in attribute.split(".")):
        return False
    if module.endswith(".py"):
        return True
    parts = module.split(".")
    # A single word that is no module is a misspelt name of a map.
    return all(part.isidentifier() for part in parts) and (
        len(parts) > 1 or importlib.util.find_spec(module) is not None
    )


@dataclass(frozen=True, eq=False)
class OwnMap:
    """Rows through a callable of the user's own.

    Parameters
    ----------
    name : str
        Module or file, without its folder, and attribute: so that another machine gives it the same fingerprint.
    function : callable
        Samples and a block of them, to features (b, d).
    digest : str
    """

    name: str
    function: Callable[[NDArray[Any], SampleSet], Any]
    digest: str

    def __call__(self, samples: SampleSet) -> NDArray[np.float64]:
        """Map rows to features, shape (n, d).

        Raises
        ------
        ConfigError
            When the code raises.
        ShapeError
            When it does not give one row each.
        NonFiniteError
            When it gives values that are no numbers.
        """
        parts = [self._checked(block, samples) for _, block in samples.blocks(_ROWS)]
        if len({part.shape[1] for part in parts}) > 1:
            raise ShapeError(
                f"{self.name} must give features of one width",
                received=sorted({part.shape[1] for part in parts}),
                remedy="Return as many values for every row.",
            )
        return np.concatenate(parts)

    def _checked(self, block: NDArray[Any], samples: SampleSet) -> NDArray[np.float64]:
        return _checked(self.name, lambda: self.function(block, samples), len(block))

    def fingerprint(self) -> str:
        """Name the code, and the start of a digest of its file and its tensors."""
        return f"{self.name}:{self.digest[:12]}"

    def modes(self, modes: KnownModes) -> KnownModes | None:
        """Drop exact modes: whether the map is affine is not known."""
        return None


@dataclass(frozen=True, eq=False)
class WholeMap(WrappedMap):
    """A map in full of the user's own: it is asked as it is, and what it gives is looked at.

    Parameters
    ----------
    inner : FeatureMap
    name : str
        What messages call it.
    identity : str
        Its fingerprint.
    """

    name: str
    identity: str

    def __call__(self, samples: SampleSet) -> NDArray[np.float64]:
        """Map samples to features, shape (n, d).

        Raises
        ------
        ConfigError
            When the code raises.
        DtypeError, ShapeError, NonFiniteError
            When it does not give one row of real, finite numbers each.
        """
        return _checked(self.name, lambda: self.inner(samples), len(samples))

    def fingerprint(self) -> str:
        """As the map names itself."""
        return self.identity

    def modes(self, modes: KnownModes) -> KnownModes | None:
        """Map exact modes as the map does."""
        return self.inner.modes(modes)


def _checked(name: str, give: Callable[[], Any], rows: int) -> NDArray[np.float64]:
    """Take what code gives for so many rows, where it is one row of real, finite numbers for each."""
    try:
        given = give()
        found = np.asarray(on_host(given) if hasattr(given, "detach") else given)
    except GandiagError:
        raise
    except (Exception, SystemExit) as error:
        raise _raised(name, error, "map rows") from error
    if found.ndim != 2 or len(found) != rows or found.shape[1] == 0:
        raise ShapeError(
            f"{name} must give one row of features for each of {rows} rows, shape ({rows}, d)",
            received=f"shape {found.shape}",
            remedy="Flatten what belongs to one row, and keep the order of the rows.",
        )
    if found.dtype.kind not in "biuf":
        raise DtypeError(
            f"{name} must give real numbers",
            received=f"dtype {found.dtype}",
            remedy="Split complex values in two columns; encode anything else as numbers.",
        )
    found = found.astype(np.float64, copy=False)
    if not np.isfinite(found).all():
        raise NonFiniteError(f"{name} must give finite features", received="NaN or infinity", remedy="Mend the map.")
    return found


def own_map(name: str) -> FeatureMap:
    """Load a map by the name of its code.

    Raises
    ------
    ConfigError
        When there is no such code, it raises, or it is nothing that maps rows.
    """
    module_name, _, attribute = name.rpartition(":")
    module = _loaded(module_name, name)
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ConfigError(f"{module_name} must define {attribute!r}", received=name, remedy="Correct the name.")
        found = getattr(found, part)
    if isinstance(found, type):
        try:
            found = found()
        except (Exception, SystemExit) as error:
            raise _raised(name, error, "be made without arguments") from error
    if not callable(found):
        raise ConfigError(
            "features must be something that maps rows", received=f"{name}, a {type(found).__name__}",
            remedy="Name a function, a torch module, or an object with __call__, fingerprint and modes.",
        )  # fmt: skip
    shown = f"{Path(module_name).name if module_name.endswith('.py') else module_name}:{attribute}"
    if callable(getattr(found, "fingerprint", None)) and callable(getattr(found, "modes", None)):
        return WholeMap(found, shown, _named_by_itself(found, shown))
    source = Path(getattr(module, "__file__", None) or "")
    digest = hashlib.sha256(source.read_bytes() if source.is_file() else b"").hexdigest()
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(found, torch.nn.Module):
        digest = hashlib.sha256((digest + digest_of_state(found.state_dict())).encode()).hexdigest()
        return OwnMap(shown, _by_module(found), digest)
    return OwnMap(shown, lambda block, _: found(block), digest)


def _named_by_itself(found: Any, name: str) -> str:
    try:
        identity = found.fingerprint()
    except (Exception, SystemExit) as error:
        raise _raised(name, error, "name itself") from error
    if not isinstance(identity, str):
        raise ConfigError(
            f"fingerprint() of {name} must give text", received=repr(identity), remedy='Return "mine:2", for example.'
        )
    return identity


def _by_module(network: Any) -> Callable[[NDArray[Any], SampleSet], Any]:
    import torch

    network.eval()
    device = next((p.device for p in network.parameters()), torch.device("cpu"))

    def function(block: NDArray[Any], samples: SampleSet) -> Any:
        values = block
        if samples.kind == "image":
            values = unit_values(block, samples, "a torch module's")
            values = values[:, None] if values.ndim == 3 else np.moveaxis(values, -1, 1)
        with torch.inference_mode():
            found = network(torch.from_numpy(np.array(values, dtype=np.float32, order="C")).to(device))
            return found.flatten(1)

    return function


def _loaded(module: str, name: str) -> ModuleType:
    try:
        return _from_file(Path(module)) if module.endswith(".py") else importlib.import_module(module)
    except FileNotFoundError as error:
        raise ConfigError("there must be a Python file of that name", received=name, remedy="Correct it.") from error
    except ModuleNotFoundError as error:
        if error.name is None or not (module == error.name or module.startswith(f"{error.name}.")):
            raise _raised(name, error, "be imported") from error  # found, but one of its own imports is not
        raise ConfigError(
            f"there is no feature map and no module {module!r}",
            received=name,
            remedy="See `gandiag list features`; a file of your own is named file.py:attr.",
        ) from error
    except (Exception, SystemExit) as error:
        raise _raised(name, error, "be imported") from error


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(path)
    known = f"gandiag_features_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(known, path.resolve())
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[known] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[known]
        raise
    return module


def _raised(name: str, error: BaseException, what: str) -> ConfigError:
    return ConfigError(
        f"the code of the features must {what} without an error",
        received=f"{name}: {type(error).__name__}: {str(error)[:200]}",
        remedy="Mend the code; in Python the original error is chained.",
    )
