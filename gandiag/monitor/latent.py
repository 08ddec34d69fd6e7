"""What the encoder says: active latent dimensions, and their Kullback-Leibler divergence from the prior."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import ConfigError, ShapeError

# A dimension is active when the encoder's mean varies by more than this over the data (Burda et al. 2016, section 4).
ACTIVE_VARIANCE = 0.01
# The same call from the divergence alone, where no means are given.
ACTIVE_KL = 0.01


def latent_numbers(latent: Mapping[str, Any]) -> dict[str, float]:
    """Summarise one batch of an encoder.

    Parameters
    ----------
    latent : mapping
        ``mean`` and, optionally, ``log_variance`` of the Gaussian posterior, each of shape (n, d); or ``kl``, the
        divergence from the prior in nats per latent dimension, of shape (d,) or (n, d).

    Returns
    -------
    dict
        ``latent/active``, ``latent/active_share`` and, where it is known, ``latent/kl`` (total, nats).

    Notes
    -----
    A dimension counts as active when ``Var_x(E q(z_i | x)) > 0.01`` (Burda, Grosse & Salakhutdinov 2016); from ``kl``
    alone when its mean is above 0.01 nats. ``KL_i = E_x (mu^2 + s^2 - 1 - log s^2) / 2``.
    """
    unknown = set(latent) - {"mean", "log_variance", "kl"}
    if unknown or not set(latent) & {"mean", "kl"}:
        raise ConfigError(
            "`latent` must hold `mean` (with `log_variance`) or `kl`",
            received=sorted(latent),
            remedy='Pass latent={"mean": mu, "log_variance": log_var}.',
        )
    kl = _kl(latent)
    if "mean" in latent:
        on = active_units(_matrix(latent["mean"], "mean"))[1]
    else:
        on = (np.zeros(0) if kl is None else kl) > ACTIVE_KL
    found = {"latent/active": float(on.sum()), "latent/active_share": float(on.mean())}
    return found if kl is None else found | {"latent/kl": float(kl.sum())}


def active_units(mean: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Measure the activity of each latent dimension, ``Var_x(mean_i(x))``, and tell which are active.

    Parameters
    ----------
    mean : ndarray, shape (n, d)
        The encoder's means for n inputs.
    """
    activity = np.var(np.asarray(mean, dtype=np.float64), axis=0, ddof=1)
    return activity, activity > ACTIVE_VARIANCE


def gaussian_kl(mean: NDArray[Any], log_variance: NDArray[Any]) -> NDArray[np.float64]:
    """Average ``KL(N(mu, s^2) || N(0, 1))`` over the rows, in nats per dimension, shape (d,)."""
    mean, log_variance = np.asarray(mean, dtype=np.float64), np.asarray(log_variance, dtype=np.float64)
    out: NDArray[np.float64] = np.mean(0.5 * (mean**2 + np.exp(log_variance) - 1.0 - log_variance), axis=0)
    return out


def _kl(latent: Mapping[str, Any]) -> NDArray[np.float64] | None:
    if "kl" in latent:
        kl = _host(latent["kl"])
        return kl if kl.ndim == 1 else kl.mean(axis=0)
    if "log_variance" in latent:
        return gaussian_kl(_matrix(latent["mean"], "mean"), _matrix(latent["log_variance"], "log_variance"))
    return None


def _matrix(value: Any, name: str) -> NDArray[np.float64]:
    rows = _host(value)
    if rows.ndim != 2 or len(rows) < 2:
        raise ShapeError(
            f"`{name}` of the latent must have shape (n, d) with at least 2 rows",
            received=f"shape {rows.shape}",
            remedy="Flatten the latent dimensions.",
        )
    return rows


def _host(value: Any) -> NDArray[np.float64]:
    value = value.detach().double().cpu().numpy() if hasattr(value, "detach") else value
    return np.asarray(value, dtype=np.float64)
