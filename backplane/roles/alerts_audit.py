"""The alert rules of the audit from outside, for those who tell a node what it found."""

from __future__ import annotations

from collections.abc import Iterator

from backplane.roles.alert import Alert

STALE = 26 * 3600
"""Seconds: an audit a night, and two hours for one that is late."""

_REMEMBERED = "14d"
"""How long it is known that there ever was one; who stops auditing for good hears of it so long."""


def alerts() -> Iterator[Alert]:
    """Every rule. Where no audit was ever told, none fires."""
    yield Alert(
        name="AuditFinding",
        expr='max by (node, kind) (backplane_audit_findings{job="wireguard"}) > 0',
        severity="critical",
        summary="A stranger sees something of {{ $labels.node }} ({{ $labels.kind }})",
        description="The last audit from outside found {{ $value }} answers of kind "
        "{{ $labels.kind }} from {{ $labels.node }}, which is to answer nobody. Likely a port was "
        "opened in the cloud's firewall or on the node, or its address has a reverse name of your "
        "own. Run `backplane audit`, which names each, and `backplane drift`.",
    )
    last = f'last_over_time(backplane_audit_timestamp_seconds{{job="wireguard"}}[{_REMEMBERED}])'
    yield Alert(
        name="AuditStale",
        expr=f"time() - max({last}) > {STALE}",
        severity="warning",
        summary="There was no audit from outside for more than a day",
        description="The last audit from outside that was told here ended "
        "{{ $value | humanizeDuration }} ago. Likely its nightly run does not run, or does not "
        "reach the node that it tells. Run `backplane audit --tell NODE`.",
    )
    yield Alert(
        name="AuditUnable",
        expr='max by (instance) (backplane_audit_able{job="wireguard"}) == 0',
        severity="warning",
        summary="The last audit from outside cannot say whether the machines are dark",
        description="What must answer did not, or knocks did not leave, so that silence means "
        "nothing; {{ $labels.instance }} was told so. Likely the place it looks from has no IPv6, "
        "no echo or no way out. Run `backplane audit` from there: it says why.",
    )
