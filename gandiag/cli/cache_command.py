"""``gandiag cache info | clear``."""

from __future__ import annotations

import click

from gandiag.errors import ConfigError


@click.group("cache", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Say what the feature cache holds, or empty it.

    Features that cost more than reading them back are kept by the content of the rows that they are of. The folder is
    named by GANDIAG_CACHE (off switches it off), its limit by GANDIAG_CACHE_SIZE (10GB when absent).
    """


@command.command("info")
def info() -> None:
    """Say where the cache lies and what it holds, by feature map."""
    from gandiag.cache import place
    from gandiag.cache.store import FeatureCache
    from gandiag.core.files import is_homeless

    folder = place.folder()
    if folder is None:
        click.echo(f"the feature cache is switched off ({place.FOLDER}=off)")
        return
    held = FeatureCache(folder).holdings()
    size = sum(holding.size for holding in held)
    click.echo(f"{folder}: {_told(size)} of at most {_told(place.most_bytes())}")
    try:
        if folder.exists() or is_homeless(folder):
            place.require_own(folder)
    except OSError as error:
        click.echo(f"  it is not used: {error}")
    for holding in held:
        blocks = "block " if holding.blocks == 1 else "blocks"
        click.echo(f"  {_told(holding.size):>9}  {holding.blocks:>6} {blocks}  {holding.features}")


@command.command("clear")
def clear() -> None:
    """Remove every block; other files in the folder stay."""
    from gandiag.cache import place
    from gandiag.cache.store import FeatureCache

    folder = place.folder()
    if folder is None:
        raise ConfigError(
            "there must be a cache to be emptied", received=f"{place.FOLDER}=off", remedy="Name its folder there."
        )
    files, size = FeatureCache(folder).clear()
    click.echo(f"removed {files} files, {_told(size)}")


def _told(size: int) -> str:
    for unit, bytes_ in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= bytes_:
            return f"{size / bytes_:.3g} {unit}"
    return f"{size} bytes"
