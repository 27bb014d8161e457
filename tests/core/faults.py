"""For each alert a fault that makes it fire, and what looks alike and does not.

The mesh is `watched`: fsn-a, fsn-b and hel-a are there, hel-b is declared offline, alice is a
person. Values are in promtool's notation: `1+15x900` is 1, then 900 times 15 more.
"""

from dataclasses import dataclass
from functools import partial

_FLAT, _GROWING = "500+0x900", "0+100x900"
_FRESH = "1+15x900"
"""What follows the clock."""


def _always(value: float) -> str:
    return f"{value}+0x900"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One alert.

    Attributes:
        alert: its name.
        fault: values of each series that is wrong.
        well: values of each series that looks alike and is right.
        lacks: times at which it does not fire yet, or no more; none for one that always does.
        fires: a time at which it fires.
        labels: of each alert that then fires, beside name and severity.
        interval: between two samples and two evaluations.
    """

    alert: str
    fault: dict[str, str]
    well: dict[str, str]
    lacks: tuple[str, ...]
    fires: str
    labels: list[dict[str, str]]
    interval: str = "15s"


def series(name: str, **labels: str) -> str:
    """A series as PromQL writes it."""
    inside = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inside}}}"


def _peer(name: str, friendly_name: str = "fsn-b", instance: str = "fsn-a") -> str:
    return series(
        name, job="wireguard", instance=instance, friendly_name=friendly_name, plane="management"
    )


_SHAKEN = "wireguard_latest_handshake_seconds"
_SENT, _RECEIVED = "wireguard_sent_bytes_total", "wireguard_received_bytes_total"
_shaken, _sent, _received = (partial(_peer, name) for name in (_SHAKEN, _SENT, _RECEIVED))
_OF_PEER = {
    "job": "wireguard",
    "instance": "fsn-a",
    "friendly_name": "fsn-b",
    "plane": "management",
    "node": "fsn-b",
}
_WIREGUARD = {"job": "wireguard", "instance": "fsn-b"}
_NODE = {"job": "node", "instance": "fsn-b"}


def _up(instance: str, job: str) -> str:
    return series("up", instance=instance, job=job)


def _guard(instance: str) -> str:
    return series(
        "backplane_unexpected_packets_total",
        job="wireguard",
        instance=instance,
        interface="wg1",
    )


def _copy(name: str, dataset: str) -> str:
    return series(f"backplane_replication_{name}_seconds", **_WIREGUARD, dataset=dataset)


def _reboot(instance: str) -> str:
    return series("backplane_reboot_required", job="wireguard", instance=instance)


def _link(peer: str, instance: str = "fsn-a") -> str:
    return series("backplane_link_up", job="wireguard", instance=instance, link="wgl2-0", peer=peer)


def _sibling(name: str) -> str:
    return series("backplane_sibling_alive", job="wireguard", instance="fsn-a", sibling=name)


def _drained(instance: str) -> str:
    return series("backplane_gateway_drained", job="wireguard", instance=instance)


def _written(instance: str, file: str) -> str:
    return series(
        "node_textfile_mtime_seconds",
        job="node",
        instance=instance,
        file=f"/run/backplane/metrics/{file}",
    )


CASES = [
    Case(
        alert="LinkDown",
        fault={_link("hel-a"): _always(0)},
        well={_link("fsn-a", "hel-a"): _always(1), _link("hel-b"): _always(0)},
        lacks=("45s",),
        fires="1m",
        labels=[
            {
                "job": "wireguard",
                "instance": "fsn-a",
                "link": "wgl2-0",
                "peer": "hel-a",
                "node": "hel-a",
            }
        ],
    ),
    Case(
        alert="GatewayAlone",
        fault={_sibling("fsn-b"): _always(0)},
        well={_sibling("hel-b"): _always(0), _sibling("hel-a"): _always(1)},
        lacks=("45s",),
        fires="1m",
        labels=[{"job": "wireguard", "instance": "fsn-a", "sibling": "fsn-b", "node": "fsn-b"}],
    ),
    Case(
        alert="GatewayDrained",
        fault={_drained("fsn-a"): _always(1)},
        well={_drained("hel-a"): _always(0), _drained("hel-b"): _always(1)},
        lacks=("23h45m",),
        fires="24h",
        labels=[{"job": "wireguard", "instance": "fsn-a", "node": "fsn-a"}],
        interval="15m",
    ),
    Case(
        alert="HandshakeStale",
        fault={_shaken(): _always(60)},
        well={
            _shaken("hel-a"): _FRESH,
            _shaken("alice"): _always(60),
            _shaken("hel-b"): _always(60),
            _shaken("fsn-a", "hel-b"): _always(60),
            _shaken("fsn-a", "hel-a"): _always(0),
        },
        lacks=("6m",),
        fires="6m15s",
        labels=[_OF_PEER],
    ),
    Case(
        alert="HandshakeNever",
        fault={_shaken(): _always(0)},
        well={
            _shaken("hel-a"): _always(60),
            _shaken("alice"): _always(0),
            _shaken("hel-b"): _always(0),
            _shaken("fsn-a", "hel-a"): "0+0x10 165+15x50",
        },
        lacks=("4m45s",),
        fires="5m",
        labels=[_OF_PEER],
    ),
    Case(
        alert="HandshakeOneWay",
        # Five minutes of traffic both ways, then none comes back.
        fault={_sent(): _GROWING, _received(): "0+100x20 2000+0x60"},
        well={
            _sent("hel-a"): _GROWING,
            _received("hel-a"): _GROWING,
            _sent("fsn-a", "hel-a"): _FLAT,
            _received("fsn-a", "hel-a"): _FLAT,
            _sent("alice"): _GROWING,
            _received("alice"): _FLAT,
            _sent("hel-b"): _GROWING,
            _received("hel-b"): _FLAT,
        },
        lacks=("9m45s",),
        fires="10m",
        labels=[_OF_PEER],
    ),
    Case(
        alert="ExporterDown",
        fault={_up("fsn-b", "node"): "1 1 0+0x40"},
        well={_up("fsn-a", "node"): _always(1), _up("hel-b", "node"): _always(0)},
        lacks=("1m15s",),
        fires="1m30s",
        labels=[{**_NODE, "node": "fsn-b"}],
    ),
    Case(
        alert="NodeDown",
        fault={
            _up("fsn-b", "node"): "1+0x4 0+0x40",
            _up("fsn-b", "wireguard"): "1+0x4 0+0x40",
            _received("fsn-b", "fsn-a"): "0+100x4 400+0x40",
            _received("fsn-b", "hel-a"): "0+100x4 400+0x40",
        },
        well={
            # One daemon of it answers.
            _up("fsn-a", "node"): _always(0),
            _up("fsn-a", "prometheus"): _always(1),
            _received("fsn-a", "hel-a"): _FLAT,
            # None of its daemons answers, but one node still hears it.
            _up("hel-a", "node"): _always(0),
            _received("hel-a", "fsn-a"): _FLAT,
            _received("hel-a", "fsn-b"): _GROWING,
            # It is declared to be offline.
            _up("hel-b", "node"): _always(0),
            _received("hel-b", "fsn-a"): _FLAT,
        },
        lacks=("2m45s",),
        fires="3m",
        labels=[{"instance": "fsn-b", "node": "fsn-b"}],
    ),
    Case(
        alert="ClockOff",
        fault={
            series("node_timex_offset_seconds", **_NODE): _always(-0.7),
            series("node_timex_sync_status", job="node", instance="fsn-a"): _always(0),
        },
        well={
            series("node_timex_offset_seconds", job="node", instance="hel-a"): _always(0.4),
            series("node_timex_sync_status", job="node", instance="hel-a"): _always(1),
        },
        lacks=("9m45s",),
        fires="10m",
        labels=[_NODE, {"job": "node", "instance": "fsn-a"}],
    ),
    Case(
        alert="RotationOverdue",
        # Of storage, which is declared: keys on 2 January 1970, PSKs on 1 March; now is later.
        fault={},
        well={},
        lacks=("91d",),
        fires="91d6h",
        labels=[{"plane": "storage", "what": "keys"}],
        interval="6h",
    ),
    Case(
        alert="OperatorExpires",
        # Alice's last day is 9 January 1970: told from the third on.
        fault={},
        well={},
        lacks=("1d23h",),
        fires="2d1h",
        labels=[{"operator": "alice"}],
        interval="1h",
    ),
    Case(
        alert="GuardHit",
        fault={_guard("fsn-b"): "0+0x10 3+0x60"},
        # One has old hits, one was set back by a new ruleset.
        well={_guard("fsn-a"): _always(7), _guard("hel-a"): "7+0x10 0+0x60"},
        lacks=("2m30s", "8m"),
        fires="2m45s",
        labels=[{**_WIREGUARD, "interface": "wg1"}],
    ),
    Case(
        alert="MetricsOld",
        fault={_written("fsn-b", "wireguard.prom"): _always(0)},
        well={
            _written("fsn-a", "wireguard.prom"): _FRESH,
            _written("fsn-b", "theirs.prom"): _always(0),
        },
        lacks=("3m",),
        fires="3m15s",
        labels=[{**_NODE, "file": "/run/backplane/metrics/wireguard.prom"}],
    ),
    Case(
        alert="ReplicationLag",
        fault={_copy("lag", "tank/a"): _always(1201), _copy("interval", "tank/a"): _always(600)},
        well={_copy("lag", "tank/b"): _always(1200), _copy("interval", "tank/b"): _always(600)},
        lacks=("45s",),
        fires="1m",
        labels=[{"instance": "fsn-b", "dataset": "tank/a"}],
    ),
    Case(
        alert="RebootNeeded",
        fault={_reboot("fsn-b"): _always(1)},
        well={_reboot("fsn-a"): _always(0), _reboot("hel-a"): "1+0x80 0+0x40"},
        lacks=("23h45m",),
        fires="24h",
        labels=[_WIREGUARD],
        interval="15m",
    ),
    Case(alert="Watchdog", fault={}, well={}, lacks=(), fires="0s", labels=[{}]),
]
