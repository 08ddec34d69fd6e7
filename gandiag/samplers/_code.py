"""Loading code that the user names: ``package.module:attr`` and ``file.py:attr``.

This runs the user's own code with the user's own rights; names come from the command line, configuration and tests,
never from data.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from gandiag.core.names import nearest
from gandiag.errors import ConfigError, SamplerRaised
from gandiag.samplers._binding import takes_nothing
from gandiag.samplers._guard import call, told
from gandiag.samplers._npy import missing


def load(module: str, attribute: str, *, name: str) -> Any:
    """Load an attribute of a module or of a .py file; a class or a factory without arguments is called.

    The folder of a .py file comes first on the path while the file runs, and last from then on.
    """
    home = _from_file(Path(module), name=name) if module.endswith(".py") else _from_module(module, name=name)
    found: Any = home
    for depth, part in enumerate(attribute.split(".")):
        if not hasattr(found, part):
            owner = ".".join([module, *attribute.split(".")[:depth]])
            public = sorted(a for a in dir(found) if not a.startswith("_"))
            raise ConfigError(
                f"{owner} has no attribute {part!r}", received=name, remedy=nearest(part, public, fallback="Check it.")
            )
        found = getattr(found, part)
    if isinstance(found, type) or (not _is_ready(found) and takes_nothing(found)):
        return call(found, name=name, seed=0, progress="when it was called without arguments")
    return found


def _is_ready(found: object) -> bool:
    torch = sys.modules.get("torch")
    return hasattr(found, "sample") or (torch is not None and isinstance(found, torch.nn.Module))


def _from_module(module: str, *, name: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module == error.name or module.startswith(error.name + ".")):
            raise _raised(name, error) from error  # found, but one of its own imports is not
        file = module.replace(".", "/") + ".py"
        raise ConfigError(
            f"there is no module {module!r} that can be imported (the current folder is not searched)",
            received=name,
            remedy=f"Install it, or name the file: {file}:attr.",
        ) from error
    except (Exception, SystemExit) as error:
        raise _raised(name, error) from error


def _from_file(path: Path, *, name: str) -> ModuleType:
    if not path.is_file():
        near = missing(path, name=name).remedy
        raise ConfigError("there must be a Python file of that name", received=name, remedy=near)
    path = path.resolve()
    digest = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    module_name = f"gandiag_user_{path.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ConfigError("the file must be a Python module", received=name, remedy="Check it.")
    module = importlib.util.module_from_spec(spec)
    folder, known = str(path.parent), list(sys.path)
    sys.path.insert(0, folder)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        raise _raised(name, error) from error
    finally:
        # Imports inside the sampler still find their neighbours; a neighbour called glob.py hides nothing of ours.
        sys.path.remove(folder)
        if folder not in known:
            sys.path.append(folder)
    return module


def _raised(name: str, error: BaseException) -> SamplerRaised:
    return SamplerRaised(
        "the named code must import without an error",
        received=f"{name}: {told(error)}",
        remedy="Mend the code; in Python the original error is chained.",
    )
