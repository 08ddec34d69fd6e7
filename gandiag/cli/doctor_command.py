"""``gandiag doctor``."""

from __future__ import annotations

import importlib
import platform
from importlib.metadata import PackageNotFoundError, version

import click

# Module, distribution, what it is for, and the remedy. The first part is needed by every run, the second by some.
CORE = (
    ("numpy", "numpy", "all numbers"),
    ("scipy", "scipy", "exact tests and solvers"),
    ("sklearn", "scikit-learn", "classifiers and clusters"),
    ("ot", "POT", "exact optimal transport"),
    ("torch", "torch", "generators and tensors"),
    ("matplotlib", "matplotlib", "figures"),
    ("rich", "rich", "terminal tables"),
    ("jinja2", "Jinja2", "the HTML page"),
    ("msgspec", "msgspec", "JSON"),
    ("safetensors", "safetensors", "arrays of a report"),
)
OPTIONAL = (("PIL", "pillow", "folders of images", "pip install 'gandiag[images]'"),)
# Seen in the wild: this pair fails at import when one is a CPU and the other a CUDA build.
PAIRS = (("torchvision", "torchvision", "torch-fidelity and pretrained networks"),)


@click.command("doctor")
def command() -> int:
    """Say what is installed, what works, and what to do about what does not."""
    import gandiag

    click.echo(f"gandiag {gandiag.__version__}, Python {platform.python_version()}, {platform.system()}")
    broken = [_line(module, dist, use, "reinstall gandiag") for module, dist, use in CORE]
    for module, dist, use, remedy in OPTIONAL:
        _line(module, dist, use, remedy)
    for module, dist, use in PAIRS:
        _line(module, dist, use, "install torch and torchvision from one place, both for CPU or both for CUDA")
    click.echo(_accelerator())
    return 0 if all(broken) else 3


def _line(module: str, dist: str, use: str, remedy: str) -> bool:
    try:
        found = version(dist)
    except PackageNotFoundError:
        click.echo(f"  absent  {dist:<14} {'':<18} {use}: {remedy}")
        return False
    try:
        importlib.import_module(module)
    except Exception as error:  # a broken package may raise anything at import
        click.echo(f"  BROKEN  {dist:<14} {found:<18} {type(error).__name__}: {str(error)[:120]}")
        click.echo(f"          {'':<14} {'':<18} remedy: {remedy}")
        return False
    click.echo(f"  works   {dist:<14} {found:<18} {use}")
    return True


def _accelerator() -> str:
    try:
        import torch
    except Exception:
        return "  accelerator: unknown, torch does not import"
    if torch.cuda.is_available():
        return f"  accelerator: {torch.cuda.get_device_name(0)} (CUDA {torch.version.cuda})"
    return "  accelerator: none; everything runs on the CPU"
