"""Discovery: a catalog is the modules of one folder that end in one constant.

Adding a metric, a sampler adapter, a plot or a diagnosis means adding one file. The module's name is the public name.
Third parties add theirs through the entry-point group of the same name (``gandiag.metrics`` and so on).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import Generic, TypeVar

from gandiag.core.checks import unknown_name
from gandiag.errors import ConfigError

Spec = TypeVar("Spec")


class Catalog(Generic[Spec]):
    """The specs of one package.

    Parameters
    ----------
    package : str
        Dotted name, such as ``"gandiag.metrics"``; also the entry-point group.
    constant : str
        The name that every module of the package defines, such as ``"METRIC"``.
    kind : type
        What the constant must be an instance of.
    """

    def __init__(self, package: str, constant: str, kind: type[Spec]) -> None:
        self.package = package
        self.constant = constant
        self.kind = kind

    def names(self) -> tuple[str, ...]:
        """List the public names, sorted, without importing a module."""
        return tuple(sorted({*_modules(self.package), *_entry_points(self.package)}))

    def get(self, name: str) -> Spec:
        """Load one spec by its public name."""
        if name in _modules(self.package):
            found = getattr(importlib.import_module(f"{self.package}.{name}"), self.constant, None)
            origin = f"{self.package}.{name}"
        elif name in _entry_points(self.package):
            point = _entry_points(self.package)[name]
            found, origin = point.load(), f"entry point {point.value}"  # type: ignore[attr-defined]
        else:
            what = self.package.rpartition(".")[2]
            raise unknown_name(
                name,
                self.names(),
                what=self.kind.__name__.removesuffix("Spec").lower(),
                listing=f"See `gandiag list {what}`.",
            )
        if not isinstance(found, self.kind):
            raise ConfigError(
                f"{origin} must define {self.constant} as a {self.kind.__name__}",
                received=type(found).__name__,
                remedy=f"End the module with {self.constant} = {self.kind.__name__}(...).",
            )
        if getattr(found, "name", name) != name:
            raise ConfigError(
                f"{origin} must carry its own name", received=getattr(found, "name", None), remedy=f"Call it {name!r}."
            )
        return found

    def __iter__(self) -> Iterator[Spec]:
        """Load every spec, in the order of the names."""
        return (self.get(name) for name in self.names())


@cache
def _modules(package: str) -> tuple[str, ...]:
    path = importlib.import_module(package).__path__
    return tuple(m.name for m in pkgutil.iter_modules(path) if not m.name.startswith("_"))


@cache
def _entry_points(group: str) -> dict[str, object]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=group)}
