"""``gandiag check --self-test``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

# Of the options of `gandiag check`, those that have no meaning without a fake or with alphas of its own.
_WITHOUT_MEANING = {"alpha": "--alpha", "strict": "--strict"}


def self_tested(
    real: str | None, labels: str | None, asked: Mapping[str, Any], *, flag: bool, others: Mapping[str, object]
) -> int:
    """Run the self-test, print it, and return its exit code: 1 when an alpha is not kept."""
    import gandiag.api
    from gandiag.cli._terminal import progress_bar, stdout_for_results_only

    if not flag:
        raise click.UsageError("--runs and --jobs go with --self-test.")
    given = dict(others) | {name: asked.get(key) for key, name in _WITHOUT_MEANING.items()}
    for name, value in given.items():
        if value is not None:
            raise click.UsageError(f"{name} has no meaning with --self-test: REAL is held against itself.")
    with stdout_for_results_only(), progress_bar() as progress:
        found = gandiag.self_test(
            real,
            labels=None if labels is None else gandiag.api.read_labels(labels),
            progress=progress,
            **{key: value for key, value in asked.items() if value is not None and key not in _WITHOUT_MEANING},
        )
    click.echo(str(found))
    return found.exit_code
