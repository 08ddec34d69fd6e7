"""Probabilistic PCA: the oracle of the linear VAE, whose optimum ELBO is a likelihood known in closed form.

Model (Tipping & Bishop 1999, "Probabilistic principal component analysis")::

    z ~ N(0, I_k),   x | z ~ N(W z + mu, s^2 I_d)     so     x ~ N(mu, C),   C = W W' + s^2 I_d

Maximum likelihood, from the eigenvalues l_1 >= ... >= l_d and eigenvectors U of the data covariance S::

    s^2 = mean(l_{k+1}, ..., l_d),     W = U_k (L_k - s^2 I)^(1/2) R,     R any rotation (here R = I)

Posterior, with M = W' W + s^2 I_k::

    z | x ~ N(M^-1 W' (x - mu), s^2 M^-1)

A VAE with this decoder and the encoder ``q(z | x) = N(V (x - mu), diag(D))`` is *linear*. For R = I the matrix M is
diagonal, the posterior lies in the encoder's family, and the best ELBO *equals* the log likelihood, row by row (Lucas,
Tucker, Grosse & Norouzi 2019, "Don't blame the ELBO!"). For any other rotation it falls short. So a linear VAE that
ends below `PPCA.log_likelihood` has not been optimised, and one above it is wrong.

Posterior collapse is exact here as well: latent i is active when l_i > s^2 and switched off otherwise (`activity`).
`em_step` climbs the same likelihood by the older lower bound, of which the ELBO is the amortised kin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gandiag.errors import ConfigError, ShapeError

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class PPCA:
    """One probabilistic PCA model.

    Attributes
    ----------
    mean : ndarray, shape (d,)
    loadings : ndarray, shape (d, k)
        W, the decoder's matrix.
    noise_variance : float
        s^2 per column, above 0.
    """

    mean: Vector
    loadings: Matrix
    noise_variance: float

    @property
    def inner(self) -> Matrix:
        """M = W' W + s^2 I, shape (k, k): s^2 times the posterior precision."""
        out: Matrix = self.loadings.T @ self.loadings + self.noise_variance * np.eye(self.loadings.shape[1])
        return out

    def log_likelihood(self, rows: ArrayLike) -> Vector:
        """Evaluate log p(x) of each row, shape (n, d) to (n,), in nats: exact; higher is better."""
        x = _centred(self, rows)
        d, k = self.loadings.shape
        projected = x @ self.loadings
        explained = (projected * np.linalg.solve(self.inner, projected.T).T).sum(axis=1)
        quadratic = (np.square(x).sum(axis=1) - explained) / self.noise_variance
        # det C = s^(2(d-k)) det M, by the matrix determinant lemma.
        log_det = (d - k) * math.log(self.noise_variance) + float(np.linalg.slogdet(self.inner)[1])
        out: Vector = -0.5 * (d * math.log(2 * math.pi) + log_det + quadratic)
        return out

    def posterior(self, rows: ArrayLike) -> tuple[Matrix, Matrix]:
        """Give the posterior means, shape (n, k), and the one covariance, shape (k, k), of the latents."""
        means = _solved(self.inner, (_centred(self, rows) @ self.loadings).T).T
        return means, self.noise_variance * _solved(self.inner, np.eye(self.loadings.shape[1]))

    def best_encoder(self) -> tuple[Matrix, Vector]:
        """Give the V, shape (k, d), and D, shape (k,), at which the ELBO is largest for this decoder."""
        inner = self.inner
        return _solved(inner, self.loadings.T), self.noise_variance / np.diag(inner)

    def elbo(self, rows: ArrayLike, encoder: ArrayLike, variances: ArrayLike) -> Vector:
        """Evaluate the linear VAE's bound at each row, in closed form.

        Parameters
        ----------
        rows : array_like, shape (n, d)
        encoder : array_like, shape (k, d)
            V: the posterior's mean is ``V (x - mu)``.
        variances : array_like, shape (k,)
            D: the posterior's variances, above 0, the same at every row.

        Returns
        -------
        ndarray, shape (n,)
            ``E_q log p(x | z) - KL(q || p)`` in nats, at most `log_likelihood`.
        """
        x, d = _centred(self, rows), self.loadings.shape[0]
        spread = np.asarray(variances, dtype=np.float64)
        code = x @ np.asarray(encoder, dtype=np.float64).T
        missed = np.square(x - code @ self.loadings.T).sum(axis=1)
        blurred = float((np.square(self.loadings).sum(axis=0) * spread).sum())
        reconstruction = -0.5 * (
            d * math.log(2 * math.pi * self.noise_variance) + (missed + blurred) / self.noise_variance
        )
        kl = 0.5 * (np.square(code) + spread - 1.0 - np.log(spread)).sum(axis=1)
        out: Vector = reconstruction - kl
        return out


def _solved(matrix: Matrix, right: Matrix) -> Matrix:
    out: Matrix = np.linalg.solve(matrix, right).astype(np.float64)
    return out


def _centred(model: PPCA, rows: ArrayLike) -> Matrix:
    x = np.asarray(rows, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] != len(model.mean):
        raise ShapeError(
            f"rows must have shape (n, {len(model.mean)})", received=f"shape {x.shape}", remedy="Flatten each sample."
        )
    return x - model.mean


def of_covariance(mean: ArrayLike, covariance: ArrayLike, latents: int) -> PPCA:
    """Make the model of largest likelihood from the two moments that it depends on.

    Parameters
    ----------
    mean : array_like, shape (d,)
    covariance : array_like, shape (d, d)
        With divisor n for maximum likelihood; with divisor n - 1 the model is that of `sklearn.decomposition.PCA`.
    latents : int
        k, from 1 to d - 1.

    Returns
    -------
    PPCA
        With R = I, so that M is diagonal and holds the k largest eigenvalues.
    """
    centre, matrix = np.asarray(mean, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    d = len(centre)
    if not 1 <= latents < d:
        raise ConfigError(f"latents must be from 1 to {d - 1}", received=latents, remedy="Leave a column to the noise.")
    values, vectors = np.linalg.eigh(matrix)
    values, vectors = values[::-1], vectors[:, ::-1]
    noise = float(values[latents:].mean())
    if not noise > 1e-12 * max(float(values[0]), 1e-300):
        raise ConfigError(
            "the discarded eigenvalues must not all be 0", received=noise, remedy="Use fewer latents, or drop columns."
        )
    loadings = vectors[:, :latents] * np.sqrt(values[:latents] - noise)
    return PPCA(mean=centre, loadings=loadings, noise_variance=noise)


def fit(rows: ArrayLike, latents: int) -> PPCA:
    """Fit by maximum likelihood, in closed form.

    Parameters
    ----------
    rows : array_like, shape (n, d)
    latents : int
        k, from 1 to d - 1.

    Examples
    --------
    >>> import numpy as np
    >>> model = fit([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]], 1)
    >>> round(model.noise_variance, 6), np.abs(model.loadings).round(6).tolist()
    (0.5, [[1.224745], [0.0]])
    """
    x = np.asarray(rows, dtype=np.float64)
    if x.ndim != 2 or len(x) < 2:
        raise ShapeError("rows must be a table of at least two", received=f"shape {x.shape}", remedy="Flatten samples.")
    return of_covariance(x.mean(axis=0), np.atleast_2d(np.cov(x, rowvar=False, ddof=0)), latents)


def em_step(model: PPCA, covariance: ArrayLike) -> PPCA:
    """Take one step of expectation and maximisation, which never lowers the likelihood.

    Parameters
    ----------
    model : PPCA
        Its mean must be that of the data.
    covariance : array_like, shape (d, d)
        S of the data, with divisor n.
    """
    sample = np.asarray(covariance, dtype=np.float64)
    inner = model.inner
    seen = sample @ model.loadings
    gain = np.linalg.solve(inner, model.loadings.T @ seen)
    loadings = _solved((model.noise_variance * np.eye(len(inner)) + gain).T, seen.T).T
    left = sample - seen @ np.linalg.solve(inner, loadings.T)
    return PPCA(mean=model.mean, loadings=loadings, noise_variance=float(np.trace(left)) / len(sample))


@dataclass(frozen=True, kw_only=True, eq=False)
class Activity:
    """What each latent of an optimal linear VAE carries.

    Attributes
    ----------
    activity : ndarray
        Variance over the data of the posterior mean, ``max(l - s^2, 0) / l``, in [0, 1).
    kl : ndarray
        Mean divergence from the prior, ``0.5 log(max(l, s^2) / s^2)`` nats.
    active : int
        Latents whose activity is above the threshold.
    """

    activity: Vector
    kl: Vector
    active: int


def activity(eigenvalues: ArrayLike, noise_variance: float, *, threshold: float = 0.01) -> Activity:
    """Say which latents are active at the optimum (Lucas et al. 2019).

    Parameters
    ----------
    eigenvalues : array_like, shape (k,)
        Of the data covariance, above 0.
    noise_variance : float
        s^2 of the decoder, above 0: fixed, or the maximum likelihood value.
    threshold : float
        Of the activity (Burda, Grosse & Salakhutdinov 2016, "Importance weighted autoencoders").

    Examples
    --------
    >>> found = activity([4.0, 2.0, 1.5, 0.5], 1.0)
    >>> found.activity.round(4).tolist(), found.kl.round(4).tolist(), found.active
    ([0.75, 0.5, 0.3333, 0.0], [0.6931, 0.3466, 0.2027, 0.0], 3)
    """
    values = np.asarray(eigenvalues, dtype=np.float64)
    if not (noise_variance > 0 and bool((values > 0).all())):
        raise ConfigError(
            "eigenvalues and noise variance must be above 0",
            received=(values.tolist(), noise_variance),
            remedy="Drop constant columns.",
        )
    share = np.maximum(values - noise_variance, 0.0) / values
    kl = 0.5 * np.log(np.maximum(values, noise_variance) / noise_variance)
    return Activity(activity=share, kl=kl, active=int((share > threshold).sum()))
