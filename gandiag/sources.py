"""The one door: any object or address becomes a sampler.

Addresses are

- ``x.npy``, ``x.npz``, ``x.csv``, ``x.tsv``, ``x.safetensors``, a folder of images: a path;
- ``toy:ring8?sigma=0.05``, ``data:digits?split=test``: a built-in with options;
- ``package.module:attr``, ``my_gan.py:attr``: code that the caller owns;
- ``exec:./gen {n} {seed}``: a program that writes samples to its stdout, with the caller's rights;
- a path or code with options of `open_sampler` for this source alone, ``faces?alpha=white&recursive=yes``;
- any of these with ``!name=severity`` at the end, once or several times: a known pathology of it, with further
  options after commas (``data:digits?split=train!drop_modes=3,seed=1``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from gandiag.core.checks import unknown_name
from gandiag.core.files import in_home
from gandiag.core.names import nearest
from gandiag.core.protocols import Sampler
from gandiag.core.specs import DATASETS, PATHOLOGIES, SAMPLERS, SamplerSpec
from gandiag.errors import ConfigError, UnknownName
from gandiag.references.opening import opened_reference
from gandiag.references.reference import ReferenceSampler
from gandiag.samplers._address import Address, Distortion, exists, file_of, parse_address
from gandiag.samplers._astray import aside, no_such, refuse_misspelt_scheme, unknown_path
from gandiag.samplers._code import load
from gandiag.samplers._shards import is_pattern
from gandiag.samplers._titles import title
from gandiag.samplers._twice import DrawnTwice
from gandiag.samplers._typed import read_npy, typed
from gandiag.samplers.command import Command

__all__ = ["Address", "Distortion", "file_of", "open_sampler", "parse_address", "read_labels", "shown"]


def open_sampler(
    source: object,
    *,
    latent: Any = None,
    batch_size: int | None = None,
    key: str | None = None,
    name: str | None = None,
    lag: int | None = None,
    labels: Any = None,
    value_range: tuple[float, float] | None = None,
    kind: str | None = None,
    layout: str | None = None,
    alpha: str | None = None,
    frames: str | None = None,
    orientation: str | None = None,
    on_bad: str | None = None,
    recursive: bool = False,
    classes: str | None = None,
    prompts: Any = None,
    timeout: float | None = None,
    train_mode: bool = False,
    trust: bool = False,
    draw_twice: bool = False,
) -> Sampler:
    """Open anything that samples can come from.

    Parameters
    ----------
    source : object
        An array, tensor, list, data frame, or (values, labels) pair; a SampleSet; an object with ``name``, ``size``
        and ``sample(n, *, rng)``; a callable of the number of samples; a fitted scikit-learn mixture or kernel
        density; a scipy or torch distribution; a torch module with ``latent``; a torch data set, loader or iterable of
        batches; a path; or an address (see the module).
    latent : str, torch distribution or callable, optional
        What a module maps from: "normal:128", "uniform:100" (in [-1, 1]), "sphere:512", "normal:100x1x1".
    batch_size : int, optional
        Rows per call of code that draws. Arrays, files and built-ins do not depend on it; modules do by rounding.
    key : str, optional
        Array of a file, columns of a table, or entry of a dict.
    name : str, optional
        What reports call the source.
    lag : int, optional
        Spacing from which rows are independent: 1 for independent rows (also where they are only sorted). Measured in
        the order of arrival where it is not said.
    labels : array_like of shape (n,), optional
        One class per row of a finite source.
    value_range : (float, float), optional
        Declared range; values outside are an error and never clipped.
    kind : {"vector", "image", "discrete"}, optional
    layout : {"channels_first", "channels_last"}, optional
    alpha : {"white", "black", "grey", "#rrggbb"}, optional
        Lay transparent images over that colour.
    frames : {"first"}, optional
        Read the first frame or page of files that have several.
    orientation : {"stored", "upright"}, optional
        Whether orientation tags of images are obeyed; by default pixels are as stored, as elsewhere.
    on_bad : {"skip"}, optional
        Leave out images that cannot be read, where they are at most 1 in 1000.
    recursive : bool
        Take images of folders and archives at any depth.
    classes : {"subfolders", "none"}, optional
        Whether the first subfolder is the class of an image; where all images lie in subfolders it is by default.
    prompts : list of str, optional
        What a diffusion pipeline is conditioned on.
    timeout : float, optional
        Seconds that one draw may take, looked at between batches. A call that hangs cannot be stopped from within its
        process.
    train_mode : bool
        Run a module in training mode.
    trust : bool
        Run the code that a .pt2 file may hold.
    draw_twice : bool
        Draw everything once more under the same seed, and note how many rows differ: such a sampler gives another
        score, and perhaps another verdict, on another run.

    Returns
    -------
    Sampler
        ``sample(n, *, rng)`` returns exactly ``n`` frozen rows.

    Raises
    ------
    ConfigError
        When nothing accepts the source, or an option has no meaning for it.
    DataError
        When the data are unfit.
    """
    # Before any other name is bound: whatever was said, by the name of its parameter.
    said = {k: v for k, v in locals().items() if k != "source" and v is not None and v is not False}
    twice = said.pop("draw_twice", False)
    found = _opened(source, said)
    return _twice(found) if twice else found


def read_labels(path: str | Path) -> NDArray[Any]:
    """Read a .npy file of classes."""
    labels: NDArray[Any] = read_npy(path)
    return labels


def _opened(source: object, given: dict[str, Any]) -> Sampler:
    if isinstance(source, str):
        return _from_address(parse_address(source), given)
    if isinstance(source, Path) and "key" not in given:
        reference = opened_reference(source, str(given.get("name", source.name)))
        if reference is not None:
            return _reference(reference, given)
    broken: list[str] = []
    for spec in _adapters(broken):
        if _accepts(spec, source, broken):
            return _call(spec.open, source, given, what=f"sources of kind {spec.name}")
    if isinstance(source, Path):
        raise unknown_path(source, str(given.get("name", source.name)), broken)
    raise ConfigError(
        "a source must be something that samples can come from",
        received=f"{type(source).__name__}{aside(broken)}",
        remedy="Pass an array, a callable def sample(n, rng), a module with latent=, or an address; "
        "see `gandiag list samplers`.",
    )


def _twice(found: Sampler) -> Sampler:
    return _reference(found, {"draw_twice": True}) if isinstance(found, ReferenceSampler) else DrawnTwice(found)


def _reference(reference: ReferenceSampler, given: dict[str, Any]) -> Sampler:
    """Refuse options of samples for what holds none."""
    for option in given.keys() - {"name"}:
        raise ConfigError(
            f"`{option}` has no meaning for a reference, which holds features",
            received=option,
            remedy="Leave it out, or write the reference again with it.",
        )
    return reference


def _adapters(broken: list[str]) -> list[SamplerSpec]:
    """List the adapters by falling priority; one of a third party that does not load is left out and named."""
    specs = []
    for adapter in SAMPLERS.names():
        try:
            specs.append(SAMPLERS.get(adapter))
        except Exception as error:
            broken.append(f"{adapter}: {type(error).__name__}: {error}")
    return sorted(specs, key=lambda spec: (-spec.priority, spec.name))


def _accepts(spec: SamplerSpec, source: object, broken: list[str]) -> bool:
    try:
        return bool(spec.accepts(source))
    except Exception as error:
        broken.append(f"{spec.name}: {type(error).__name__}: {error}")
        return False


def _from_address(address: Address, given: dict[str, Any]) -> Sampler:
    named = {"name": title(address), **given}
    options = dict(address.options)
    if "draw_twice" in options and address.form != "builtin":
        twice = typed({"draw_twice": options.pop("draw_twice")}, text=address.text)["draw_twice"]
        found = _from_address(replace(address, options=options), given)
        return _twice(found) if twice else found
    if address.form != "builtin":
        named |= typed(address.options, text=address.text)
    wrapped = dict.fromkeys(("name", "lag"))
    if address.form == "builtin":
        inner = _builtin(address)
        outer = {k: v for k, v in named.items() if k != "batch_size"}
        if not address.distortions:
            return _protocol(inner, outer, assumed_lag=1)
    else:
        outer = {k: v for k, v in named.items() if k in wrapped}
        inside = {k: v for k, v in named.items() if k not in wrapped} if address.distortions else named
        inside["name"] = named["name"]
        is_path = address.form == "path"
        inner = _from_path(address, inside) if is_path else _opened(_named_code(address), inside)
        if not address.distortions:
            return inner
    for distortion in address.distortions:
        inner = _distorted(inner, distortion)
    return _protocol(inner, outer, assumed_lag=0)


def _named_code(address: Address) -> Any:
    if address.scheme == "exec":
        return Command(address.base)
    refuse_misspelt_scheme(address)
    return load(address.base, address.attribute, name=address.text)


def shown(source: str) -> str:
    """Name a source by its address as given, less the folders of an absolute path: reports travel."""
    return title(parse_address(source))


def _protocol(inner: Sampler, options: dict[str, Any], *, assumed_lag: int) -> Sampler:
    return _call(
        lambda source, **rest: SAMPLERS.get("protocol").open(source, assumed_lag=assumed_lag, **rest),
        inner,
        options,
        what="built-in sources",
    )


def _from_path(address: Address, options: dict[str, Any]) -> Sampler:
    path = in_home(address.base)
    if not exists(str(path)) and not is_pattern(path):
        raise no_such(address, path)
    return _opened(path, options)


def _builtin(address: Address) -> Sampler:
    if address.base not in DATASETS.names():
        known = [f"{spec.scheme}:{spec.name}" for spec in DATASETS]
        asked = f"{address.scheme}:{address.base}"
        raise unknown_name(asked, known, what="built-in source", listing="See `gandiag list datasets`.")
    spec = DATASETS.get(address.base)
    if spec.scheme != address.scheme:
        raise UnknownName(
            f"{spec.name} has another scheme",
            received=f"{address.scheme}:{spec.name}",
            remedy=f"Write {spec.scheme}:{spec.name}.",
        )
    return _call(spec.open, None, dict(address.options), what=f"{spec.scheme}:{spec.name}")


def _distorted(inner: Sampler, distortion: Distortion) -> Sampler:
    spec = PATHOLOGIES.get(distortion.name)
    return _call(
        lambda source, **rest: spec.wrap(source, distortion.severity, **rest),
        inner,
        dict(distortion.options),
        what=f"the pathology {spec.name}",
        signature_of=spec.wrap,
    )


def _call(
    function: Callable[..., Sampler],
    source: object,
    options: dict[str, Any],
    *,
    what: str,
    signature_of: Callable[..., Any] | None = None,
) -> Sampler:
    """Call with options, refusing first those that it does not take."""
    parameters = inspect.signature(signature_of or function).parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    known = [p.name for p in parameters.values() if p.kind is not inspect.Parameter.POSITIONAL_ONLY]
    for option in options:
        if option not in known and not takes_any:
            raise ConfigError(
                f"`{option}` is not an option of {what}",
                received=option,
                remedy=nearest(option, known, fallback="Leave it out."),
            )
    return function(**options) if source is None else function(source, **options)
