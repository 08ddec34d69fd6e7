"""Running code that somebody else wrote: nothing global changes, and every failure says how far it came."""

from __future__ import annotations

import os
import random
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import PurePath
from typing import Any

import numpy as np

from gandiag.errors import GandiagError, ResourceLimitError, SamplerRaised


@contextmanager
def untouched_globals(seed: int) -> Iterator[None]:
    """Seed every global generator for the time of a call, and put all global state back afterwards.

    Covers the generators of `random`, NumPy and (where it is loaded) torch, torch's default dtype, grad mode and TF32
    flags, NumPy's error state, the filters of warnings, and the current folder.
    """
    torch = sys.modules.get("torch")
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002 - saved so that code without an rng changes nothing
    torch_state = None if torch is None else _torch_state(torch)
    folder, floats, filters = _folder(), np.geterr(), list(warnings.filters)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    if torch is not None:
        torch.manual_seed(seed % 2**63)
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
        if torch is not None:
            _restore_torch(torch, torch_state)
        np.seterr(**floats)
        if warnings.filters != filters:
            warnings.filters[:] = filters  # type: ignore[index]
            with warnings.catch_warnings():
                pass  # leaving it tells the interpreter that the filters have changed
        if folder is not None and _folder() != folder:
            with suppress(OSError):
                os.chdir(folder)


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - compared and given back as it is
    except OSError:
        return None


def _torch_state(torch: Any) -> tuple[Any, Any, Any, bool, str]:
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() and torch.cuda.is_initialized() else None
    precision = torch.get_float32_matmul_precision()
    return torch.get_rng_state(), cuda, torch.get_default_dtype(), torch.is_grad_enabled(), precision


def _restore_torch(torch: Any, state: Any) -> None:
    cpu, cuda, dtype, grad, precision = state
    torch.set_rng_state(cpu)
    if cuda is not None:
        torch.cuda.set_rng_state_all(cuda)
    torch.set_default_dtype(dtype)
    torch.set_grad_enabled(grad)
    if torch.get_float32_matmul_precision() != precision:
        torch.set_float32_matmul_precision(precision)


def call(work: Callable[[], Any], *, name: str, seed: int, progress: str = "") -> Any:
    """Run one call of a sampler under `untouched_globals`.

    Raises
    ------
    SamplerRaised
        For whatever the code raises, `SystemExit` included, chained. A keyboard interrupt passes through.
    """
    try:
        with untouched_globals(seed):
            return work()
    except (GandiagError, KeyboardInterrupt):
        raise
    except MemoryError as error:
        raise ResourceLimitError(
            f"{name} must draw within the memory that there is",
            received=f"{error} {progress}".strip() or None,
            remedy="Draw fewer rows, or smaller batches with batch_size=.",
        ) from error
    except BaseException as error:
        where = f" {progress}" if progress else ""
        raise SamplerRaised(
            f"{name} must draw without an error, but raised{where}",
            received=told(error),
            remedy="Mend the sampler; in Python the original error is chained.",
        ) from error


def told(error: BaseException) -> str:
    """Say what somebody else's code raised, and where."""
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    at = f" ({PurePath(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return what[:300] + at
