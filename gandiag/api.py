"""The public functions: the facade that joins sources, evaluation and rendering."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import gandiag
from gandiag.core import report as plain
from gandiag.core.names import side_of_fake
from gandiag.core.options import refuse_unknown
from gandiag.core.protocols import Progress, Sampler
from gandiag.device import device_of, placing_networks
from gandiag.errors import ConfigError, placed
from gandiag.evaluate import evaluate
from gandiag.references.reference import reference_of
from gandiag.settings import PERMUTATIONS, Settings, read_metrics
from gandiag.shards.statistics import score_statistics
from gandiag.sources import open_sampler, read_labels, shown

__all__ = ["Report", "open_sampler", "read_labels", "score", "shown"]

# What `score` and `check` pass on to the opening of a fake source.
OPENING = [p for p in inspect.signature(open_sampler).parameters if p not in ("source", "labels")]


@dataclass(frozen=True, kw_only=True, eq=False)
class Report(plain.Report):
    """The results of one or more samplers against one real source, with its renderings.

    ``report["frechet"]`` is the result of the first sampler, ``report.diagnoses`` its findings, ``report.fakes`` all
    samplers.
    """

    @classmethod
    def of(cls, report: plain.Report) -> Report:
        """Dress a plain report."""
        return cls(**{f.name: getattr(report, f.name) for f in fields(plain.Report)})

    @classmethod
    def read(cls, path: str | Path) -> Report:
        """Read a report.json, with the arrays beside it."""
        from gandiag.report.json import read_json

        return cls.of(read_json(Path(path)))

    def to_json(self, path: str | Path) -> None:
        """Write report.json, and its arrays in a sibling .safetensors file."""
        from gandiag.report.json import write_json

        write_json(self, Path(path))

    def to_html(self, path: str | Path) -> None:
        """Write one self-contained page."""
        from gandiag.report.html import write_html

        write_html(self, Path(path))

    def to_text(self, width: int = 100) -> str:
        """Render the findings and the table as plain text."""
        from gandiag.report.text import to_text

        return to_text(self, width=width)

    def plots(self, fake: int = 0) -> list[tuple[str, str]]:
        """List the figures that can be drawn of one sampler, with what each shows."""
        from gandiag.plots._drawing import drawable

        return drawable(self, fake)

    def plot(
        self,
        kind: str,
        path: str | Path,
        *,
        fake: int = 0,
        venue: str | None = None,
        columns: int = 1,
        csv: bool = False,
        **options: Any,
    ) -> list[Path]:
        """Draw one figure into a file: .pdf, .svg, .png, .pgf or .eps.

        Parameters
        ----------
        kind : str
            A figure; see ``gandiag list plots``.
        path : path
        fake : int
            Index of the sampler.
        venue : str, optional
            Whose width and letters: "neurips", "icml", "iclr", "cvpr", "aistats", "jmlr", "tmlr", "ieee", "acm",
            "nature", or one that tueplots knows.
        columns : {1, 2}
            Of the venue's page.
        csv : bool
            Write the numbers that are drawn beside the figure.
        **options
            Of the figure, such as ``metric="mmd"``.

        Returns
        -------
        list of Path
            The files written. The same report gives the same bytes.
        """
        from gandiag.plots._drawing import write

        place = Path(path)
        return write(self, kind, place, fake=fake, venue=venue, columns=columns, csv=csv, **options)

    def to_latex(self, metrics: Iterable[str] | None = None) -> str:
        """Write a booktabs table: a row per sampler, a column per metric, the best bold where that is significant."""
        from gandiag.report.tables.latex import to_latex

        return to_latex(self, metrics)

    def to_paper(
        self, folder: str | Path, *, venue: str = "neurips", metrics: Iterable[str] | None = None
    ) -> list[Path]:
        """Write a figure over the width of the venue's page, a booktabs table, and a document that compiles to both."""
        from gandiag.report.paper import write_paper

        return write_paper(self, folder, venue=venue, metrics=metrics)

    def to_markdown(self, metrics: Iterable[str] | None = None) -> str:
        """Write the table of `to_latex` as Markdown."""
        from gandiag.report.tables.markdown import to_markdown

        return to_markdown(self, metrics)

    def to_csv(self, metrics: Iterable[str] | None = None) -> str:
        """Write the results in long form: one row per sampler and metric, with intervals, floors and p-values."""
        from gandiag.report.tables.tidy import to_csv

        return to_csv(self, metrics)

    def to_pandas(self, metrics: Iterable[str] | None = None) -> Any:
        """Give the rows of `to_csv` as a pandas.DataFrame, where pandas is installed."""
        from gandiag.report.tables.tidy import to_pandas

        return to_pandas(self, metrics)

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        from gandiag.report.html import to_html

        return to_html(self)


@placing_networks
def score(
    real: Any,
    fake: Any,
    *,
    train: Any = None,
    labels: Any = None,
    metrics: Iterable[str] | None = None,
    features: str | None = None,
    n: int | None = None,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    device: str | None = None,
    by_class: bool = False,
    cache: bool = True,
    accept_unverified: bool = False,
    progress: Progress | None = None,
    **opening: Any,
) -> Report:
    """Score a sampler, or several, against real data.

    Parameters
    ----------
    real : array, sampler, path or address
        Anything that `open_sampler` takes, or a reference that `save_features` wrote.
    fake : the same, or a mapping of names to such
        One sampler, or ``{"name": sampler, ...}``.
    train : the same, optional
        What the generator was trained on, independent of ``real``; switches the memorisation tests on.
    labels : array of int, shape (n,), optional
        Classes of the real rows, for mode coverage by class.
    metrics : names, optional
        Of metrics, or of topics such as "transport", or "all". The default suite when absent; see
        ``gandiag list metrics``.
    features : str, optional
        A feature map; see ``gandiag list features``.
    n : int, optional
        Rows per side; all rows of finite sources and 5000 of endless ones when absent.
    seed : int
        One seed gives one report, bit for bit.
    permutations : int
        Relabellings per permutation test.
    options : mapping, optional
        Options per metric: ``{"precision": {"k": 3}}``.
    device : str, optional
        "cuda" does the heavy work there and keeps the features on it; "cpu" does not. The device of the first CUDA
        tensor or module that is passed when absent. The numbers are equal within rounding, those of critics that stop
        before they converge within about a hundredth. Networks of feature maps run there, or where their name says
        (``?device=``); when absent, on a CUDA device where there is one.
    by_class : bool
        Score every class of a conditional generator alone as well: the report goes on with one sampler per class,
        ``"name, class 3"``. P-values are then adjusted over all classes of a sampler. Every side must carry classes.
    cache : bool
        Keep features of finite sources that are slow to compute on disk, and find them there; it changes no number.
    accept_unverified : bool
        Take mean and covariance that another program wrote (pytorch-fid, guided-diffusion, StyleGAN) for the real side,
        although they do not say which weights and which resize they were made with.
    progress : callable, optional
        Called as ``progress(step, done, total)``.
    **opening
        Passed to `open_sampler` for the fakes: ``latent="normal:128"``, ``batch_size=64``.

    Returns
    -------
    Report

    Raises
    ------
    GandiagError
        When samples cannot be drawn, read or compared. A metric that fails is a result with status "failed".

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> report = score(rng.normal(size=(400, 2)), rng.normal(size=(300, 2)), metrics=["energy"], permutations=199)
    >>> report["energy"].status
    'ok'
    """
    named = _named(fake)
    refuse_unknown(opening, OPENING, of="score")
    settings = Settings(
        metrics=read_metrics(metrics),
        features=features,
        n=n,
        seed=seed,
        permutations=permutations,
        options=options,
        device=device_of([real, *named.values()], device),
        by_class=by_class,
        cache=cache,
    )
    with placed("real"):
        real_sampler = open_sampler(real, labels=labels) if labels is not None else open_sampler(real)
    fakes: list[tuple[str, Sampler]] = []
    for name, source in named.items():
        with placed(side_of_fake(name)):
            sampler = open_sampler(source, **opening)
        fakes.append((name or sampler.name, sampler))
    with placed("train"):
        train_sampler = None if train is None else open_sampler(train)
    reference = reference_of(real_sampler)
    if reference is not None and reference.rows is None:
        if train_sampler is not None or by_class:
            raise ConfigError(
                "`train` and `by_class` need real rows", received="mean and covariance alone", remedy="Leave them out."
            )
        return Report.of(
            score_statistics(
                reference,
                fakes,
                settings=settings,
                accept_unverified=accept_unverified,
                version=gandiag.__version__,
                progress=progress,
            )
        )
    found = evaluate(
        real_sampler,
        fakes,
        train=train_sampler,
        settings=settings,
        version=gandiag.__version__,
        progress=progress,
    )
    return Report.of(found.report)


def _named(fake: Any) -> dict[str, Any]:
    if not isinstance(fake, Mapping):
        return {"": fake}
    named = {str(name): source for name, source in fake.items()}
    if not named or "" in named or len(named) < len(fake):
        raise ConfigError(
            "`fake` must name at least one sampler, each by a name of its own",
            received=list(fake),
            remedy="Pass {'name': sampler, 'another name': sampler}.",
        )
    return named
