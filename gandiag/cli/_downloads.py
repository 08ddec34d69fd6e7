"""``--allow-download``, for every command that may need weights."""

from __future__ import annotations

import click

from gandiag.core.downloads import downloading


def _allow(context: click.Context, _: click.Parameter, allowed: bool) -> None:
    """Allow fetching until the command ends; the commands themselves need not know."""
    context.with_resource(downloading(allowed))


allow_download = click.option(
    "--allow-download",
    is_flag=True,
    expose_value=False,
    callback=_allow,
    help="Fetch weights that are not there, if their digest is known. Nothing is fetched otherwise.",
)
