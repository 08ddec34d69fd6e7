"""Files in the cache of Hugging Face: found there without the network, fetched by the hub's own client if allowed."""

from __future__ import annotations

from gandiag.core.downloads import downloads_allowed
from gandiag.errors import ConfigError
from gandiag.features._packages import imported


def from_hub(repository: str | None, file: str, *, of: str) -> str:
    """Find one file of a repository.

    Parameters
    ----------
    repository : str or None
        Such as "timm/resnet18.a1_in1k"; None where the network was never published.
    file : str
    of : str
        Name of the features, for messages.

    Returns
    -------
    str
        Path of the file.

    Raises
    ------
    ConfigError
        When it is not there and may not be fetched, or cannot be.
    """
    if not repository:
        raise ConfigError(f"{of} has no published weights", received="no path", remedy=f"Name {of}?weights=FILE.")
    hub = imported("huggingface_hub", "huggingface_hub", of)
    found = hub.try_to_load_from_cache(repository, file)
    if isinstance(found, str):
        return found
    if not downloads_allowed():
        raise ConfigError(
            f"{of} features need {file} of {repository} in the cache of Hugging Face; nothing is downloaded",
            received="no such file there",
            remedy=f"Run: hf download {repository} {file}; or name {of}?weights=FILE, or allow it: --allow-download.",
        )
    try:
        return str(hub.hf_hub_download(repository, file))
    except Exception as error:
        raise ConfigError(
            f"{file} of {repository} must be reachable to be downloaded",
            received=f"{type(error).__name__}: {str(error)[:200]}",
            remedy=f"Fetch it elsewhere and name {of}?weights=FILE.",
        ) from error
