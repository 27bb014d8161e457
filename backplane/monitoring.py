"""Who hears of alerts, and how long samples are kept: computed from a declaration, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backplane import settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """What Prometheus and Alertmanager need to know beside the mesh.

    Attributes:
        retention: how long samples are kept, as Prometheus writes a duration.
        size: how much of the disk they may fill, as Prometheus writes it.
        receivers: by name, sorted, the URL that every alert is posted to.
        secrets: by receiver, the name of the secret that it is shown as a bearer token.
        watchdog: the URL outside the mesh that notices when no alert can come any more.
    """

    retention: str = "30d"
    size: str = "8GB"
    receivers: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    watchdog: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grafana:
    """What Grafana needs to know.

    Attributes:
        secret: the name of the secret that is its admin's password.
        key: fingerprint of the key that its packages are signed with, if not the usual one.
    """

    secret: str
    key: str | None


def grafana(declared: settings.Grafana | None) -> Grafana | None:
    """What the section `grafana:` of a checked declaration says, if it is there."""
    return Grafana(secret=declared.secret, key=declared.key) if declared else None


def monitoring(declared: settings.Monitoring) -> Monitoring:
    """What the section `monitoring:` of a checked declaration says."""
    return Monitoring(
        retention=declared.retention,
        size=declared.size,
        receivers={name: one.webhook for name, one in sorted(declared.receivers.items())},
        secrets={
            name: one.secret for name, one in sorted(declared.receivers.items()) if one.secret
        },
        watchdog=declared.watchdog,
    )
