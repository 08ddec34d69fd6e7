"""Whether a policy can be carried out, as far as that can be told before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping

from gandiag.core.names import nearest
from gandiag.errors import ConfigError, placed
from gandiag.features import spec_of
from gandiag.gate.policy import Policy
from gandiag.gate.running import require_named_baseline, settings_of
from gandiag.gate.sequential import require_test


def require_sound(policy: Policy) -> None:
    """Refuse a policy that no run could carry out, whatever its sources give.

    Parameters
    ----------
    policy : Policy

    Raises
    ------
    ConfigError
        For features that do not exist, options of a metric that no condition looks at, a baseline that is asked for and
        not named or the other way round, and drawing in blocks without a test.
    """
    # The training rows may still be given by the caller.
    policy = policy.completed(with_train=True)
    with placed(f"gate.{policy.name}"):
        if policy.features is not None:
            spec_of(policy.features)
        _require_used(policy.options, settings_of(policy, with_train=True).metrics or ())
        require_named_baseline(policy)
        if policy.sequential:
            require_test(policy)


def _require_used(options: Mapping[str, object], metrics: tuple[str, ...]) -> None:
    for metric in options:
        if metric not in metrics:
            raise ConfigError(
                "options must be for metrics that a condition looks at",
                received=metric,
                remedy=nearest(metric, list(metrics), f"Looked at are: {', '.join(metrics)}."),
            )
