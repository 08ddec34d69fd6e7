"""``gandiag check --validate``."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

_READ = ("config", "gate", "validate")


def validated(config: Path | None, gate: str | None) -> int:
    """Read the gates of a file, or one of them by name, say what each is, and draw nothing."""
    _refuse_others(click.get_current_context())
    from gandiag.errors import ConfigError
    from gandiag.gate.policy import chosen_policy, find_file, read_policies
    from gandiag.gate.validation import require_sound

    path = config if config is not None else find_file(Path.cwd())
    if path is None:
        raise ConfigError(
            "there must be a gandiag.toml, or a pyproject.toml with [tool.gandiag]",
            received="none from here upwards",
            remedy="Write one, or name it with --config.",
        )
    policies = read_policies(path)
    if gate is not None:
        policies = {gate: chosen_policy(policies, gate)}
    for name, policy in policies.items():
        require_sound(policy)
        click.echo(
            f"{path.name}: gate {name}: {len(policy.require) or 'the default'} conditions, alpha {policy.alpha:g}"
        )
    return 0


def _refuse_others(context: click.Context) -> None:
    """Refuse what would not be looked at."""
    for parameter in context.command.params:
        name = parameter.name or ""
        if name not in _READ and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            told = parameter.opts[0] if isinstance(parameter, click.Option) else name.upper()
            raise click.UsageError(f"{told} has no meaning with --validate: it reads the configuration alone.")
