"""The alert rules of the prometheus role: what is wrong with a mesh, and what to do about it.

Metrics of WireGuard and of Backplane are written by the node tool every 15 s; those that start with
`node_` are the node exporter's. Every alert has a `severity`: `critical` for now, `warning` for
today, `info` for this week, `none` for no person at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from backplane import expiry
from backplane.days import begin_of, end_of
from backplane.roles import alerts_audit, alerts_routed, documents
from backplane.roles.alert import Alert

if TYPE_CHECKING:
    from backplane.plan import Plan

WATCHDOG, NODE_DOWN = "Watchdog", "NodeDown"
OF_A_NODE = ("ExporterDown", "HandshakeNever", "HandshakeOneWay", "HandshakeStale")
"""What a node that is down brings with it, each with the same label `node`."""

# A session is refused after 180 s (WireGuard whitepaper, section 6.2: REJECT_AFTER_TIME).
STALE = 180
QUARTER = 90 * 24 * 3600
"""Seconds after which keys and PSKs are to be rotated."""
_PEER = "{{ $labels.instance }} and {{ $labels.friendly_name }} on {{ $labels.plane }}"
_OF_PEER = {"node": "{{ $labels.friendly_name }}"}
_OF_INSTANCE = {"node": "{{ $labels.instance }}"}


def of_a_node(plan: Plan) -> tuple[str, ...]:
    """The alerts that a node which is down brings with it."""
    return (*OF_A_NODE, *(alerts_routed.OF_A_NODE if plan.routed else ()))


def rules(plan: Plan) -> str:
    """alerts.yml, the same on every node that runs Prometheus."""
    names = "|".join(node.name for node in plan.nodes if not (node.retire or node.offline))
    alerts = [
        *_peers(names),
        *_nodes(names),
        *_clocks(),
        *_rotations(plan),
        *_people(plan),
        *_others(),
        *alerts_audit.alerts(),
    ]
    if plan.routed:
        alerts += alerts_routed.alerts(names)
    group = {"name": "backplane", "rules": [alert.document() for alert in alerts]}
    return documents.text({"groups": [group]})


def _peers(names: str) -> Iterator[Alert]:
    """Sessions between nodes: people sleep, and a node that is declared offline may."""
    pairs = f'{{job="wireguard",instance=~"{names}",friendly_name=~"{names}"}}'
    shaken = f"wireguard_latest_handshake_seconds{pairs}"
    sent, received = (
        f"rate(wireguard_{way}_bytes_total{pairs}[2m])" for way in ("sent", "received")
    )
    yield Alert(
        name="HandshakeStale",
        expr=f"time() - ({shaken} > 0) > {STALE}",
        lasting="2m",
        severity="warning",
        labels=_OF_PEER,
        summary=f"The last handshake between {_PEER} is old",
        description=f"{_PEER} last agreed on a session {{{{ $value | humanizeDuration }}}} ago; "
        "nodes do so every two minutes. Likely the peer is down, or UDP between the two is cut. "
        "Run `backplane verify`; compare both ends with `backplane status`.",
    )
    yield Alert(
        name="HandshakeNever",
        expr=f"{shaken} == 0",
        lasting="5m",
        severity="warning",
        labels=_OF_PEER,
        summary=f"There never was a handshake between {_PEER}",
        description=f"Since the interface came up, {_PEER} have not agreed on a session. Likely "
        "the endpoint is not to be reached, or keys or PSK differ. Run `backplane verify`, then "
        "`backplane drift`.",
    )
    yield Alert(
        name="HandshakeOneWay",
        expr=f"{sent} > 0 and {received} == 0",
        # With the two minutes of the rates: five without a byte.
        lasting="3m",
        severity="warning",
        labels=_OF_PEER,
        summary=f"Between {_PEER} traffic goes one way",
        description="{{ $labels.instance }} sends to {{ $labels.friendly_name }} on "
        "{{ $labels.plane }} and has received nothing for 5 minutes. Likely a firewall on the way "
        "drops UDP of that plane in one direction, or the peer answers to another address. Run "
        "`backplane verify`; look at the cloud's firewall with `backplane drift`.",
    )


def _nodes(names: str) -> Iterator[Alert]:
    up = f'up{{instance=~"{names}"}}'
    # Keepalives come every 25 s: whose exporter alone is gone is still heard by its peers.
    heard = (
        "sum by (friendly_name) (increase(wireguard_received_bytes_total"
        f'{{job="wireguard",friendly_name=~"{names}"}}[1m]))'
    )
    heard = f'label_replace({heard}, "instance", "$1", "friendly_name", "(.+)")'
    yield Alert(
        name="ExporterDown",
        expr=f"{up} == 0",
        lasting="1m",
        severity="warning",
        labels=_OF_INSTANCE,
        summary="Prometheus gets nothing from {{ $labels.instance }} ({{ $labels.job }})",
        description="The job {{ $labels.job }} of {{ $labels.instance }} has not answered for a "
        "minute. Likely its daemon has stopped; if the node is down, NodeDown follows. On the "
        "node look at `systemctl status 'backplane-*'`; run `backplane drift`.",
    )
    yield Alert(
        name=NODE_DOWN,
        expr=f"max by (instance) ({up}) == 0 and on (instance) {heard} == 0",
        lasting="1m",
        severity="critical",
        labels=_OF_INSTANCE,
        summary="{{ $labels.instance }} is down",
        description="No job of {{ $labels.instance }} answers, and no other node hears anything "
        "of it on any plane. Likely the machine is off or cut from the network. Look at it in the "
        "cloud's console; `backplane replace` rebuilds it, `offline: true` leaves it out of "
        "changes until then.",
    )


def _clocks() -> Iterator[Alert]:
    yield Alert(
        name="ClockOff",
        expr='abs(node_timex_offset_seconds{job="node"}) > 0.5 '
        'or node_timex_sync_status{job="node"} == 0',
        lasting="10m",
        severity="warning",
        summary="The clock of {{ $labels.instance }} is off or not synchronised",
        description="{{ $labels.instance }} is more than half a second off, or has no source of "
        "time. Likely time sync has stopped or reaches no server. A change of its keys is refused "
        "until that is mended: on the node look at `timedatectl timesync-status`.",
    )


def _rotations(plan: Plan) -> Iterator[Alert]:
    for plane in plan.planes:
        for what, day in (("keys", plane.keys_rotated), ("psk", plane.psk_rotated)):
            if day is None:
                continue
            yield Alert(
                name="RotationOverdue",
                expr=f"time() - vector({begin_of(day)}) > {QUARTER}",
                severity="warning",
                labels={"plane": plane.slot, "what": what},
                summary=f"Rotation of {what} on {plane.slot} is overdue",
                description=f"The last rotation of {what} on {plane.slot} was on {day}, more than "
                f"90 days ago. Run `backplane rotate {what} --plane {plane.slot}`, then "
                "`pulumi up`.",
            )


def _people(plan: Plan) -> Iterator[Alert]:
    """Those whose last day comes near or is over; nodes refuse them then by themselves."""
    for person in plan.people:
        if (day := person.expires) is not None:
            yield Alert(
                name="OperatorExpires",
                expr=f"vector({end_of(day)}) - time() < {expiry.WARNED}",
                severity="warning",
                labels={"operator": person.name},
                summary=f"The access of {person.name} ends with {day}",
                description=f"After {day} (UTC) every node refuses {person.name}. Write a later "
                f"day into the declaration, or run `backplane operator revoke {person.name}`.",
            )


def _others() -> Iterator[Alert]:
    yield Alert(
        name="GuardHit",
        expr='increase(backplane_unexpected_packets_total{job="wireguard"}[5m]) > 0',
        severity="critical",
        summary="A stranger's packets came in on {{ $labels.interface }} of {{ $labels.instance }}",
        description="Packets inside {{ $labels.interface }} of {{ $labels.instance }} came from "
        "an address that is no peer's, and were dropped. WireGuard lets none through from "
        "declared peers: likely a peer was added by hand, or one that was removed is still there. "
        "Run `backplane drift`; `journalctl -k --grep BACKPLANE-UNEXPECTED` on the node shows "
        "them.",
    )
    written = 'node_textfile_mtime_seconds{job="node",file=~".*/(backplane|wireguard)[.]prom"}'
    yield Alert(
        name="MetricsOld",
        expr=f"time() - {written} > 120",
        lasting="1m",
        severity="warning",
        summary="Backplane's metrics of {{ $labels.instance }} stand still",
        description="{{ $labels.file }} of {{ $labels.instance }} is written every 15 s and is "
        "more than 2 minutes old, so that alerts on WireGuard and on guards say nothing. Likely "
        "its timer has stopped: on the node look at `systemctl status backplane-metrics.timer "
        "backplane-metrics.service`.",
    )
    yield Alert(
        name="ReplicationLag",
        expr='backplane_replication_lag_seconds{job="wireguard"} > on (instance, dataset) '
        '2 * backplane_replication_interval_seconds{job="wireguard"}',
        lasting="1m",
        severity="warning",
        summary="The copy of {{ $labels.dataset }} on {{ $labels.instance }} is behind",
        description="The newest snapshot of {{ $labels.dataset }} that {{ $labels.instance }} has "
        "received is {{ $value | humanizeDuration }} old, more than two intervals. Likely the "
        "source is down, storage is cut, or the target is full. On the source look at "
        "`systemctl --failed`; on the target at `zpool list`.",
    )
    yield Alert(
        name="RebootNeeded",
        expr='backplane_reboot_required{job="wireguard"} == 1',
        lasting="1d",
        severity="info",
        summary="{{ $labels.instance }} waits for a reboot",
        description="An update of {{ $labels.instance }} takes effect with its next reboot, for "
        "more than a day now. Reboot one node at a time: everything comes back by itself.",
    )
    yield Alert(
        name=WATCHDOG,
        expr="vector(1)",
        severity="none",
        summary="Alerts arrive",
        description="This alert fires for as long as Prometheus and Alertmanager work. An outside "
        "address that stops hearing it is to raise an alarm: then look at the nodes with these "
        "two roles.",
    )
