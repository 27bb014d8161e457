"""Dashboards of the grafana role, as code: the mesh, its planes' traffic, its nodes, its copies.

Every query is of Prometheus' own language (PromQL) on metrics that nodes here have; the lab asks
its Prometheus each of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backplane.roles import dashboards_routed
from backplane.roles.panels import NONE_IS_WELL, Dashboard, Panel, Steps

if TYPE_CHECKING:
    from backplane.plan import Plan

RATE = "$__rate_interval"
"""What Grafana puts in the place of this: at least four scrapes."""

_NODE = 'instance=~"$node"'
_OLD: Steps = (("transparent", None), ("green", 0), ("orange", 150), ("red", 180))
"""Seconds since a handshake: nodes shake hands every 120, and a session is refused after 180
(WireGuard whitepaper, section 6.2). Where there is no tunnel there is no colour."""


def files(plan: Plan) -> dict[str, str]:
    """Every dashboard by the name of its file; of copies and of sites only where there are some."""
    made = [_mesh(plan), _planes(plan), _nodes(), *([_copies()] if plan.copies else [])]
    if plan.routed:
        made.append(dashboards_routed.sites())
    return {f"{one.name}.json": one.text() for one in made}


def _mesh(plan: Plan) -> Dashboard:
    names = "|".join(node.name for node in plan.nodes if not (node.retire or node.offline))
    pairs = f'job="wireguard",instance=~"{names}",friendly_name=~"{names}"'
    shaken = "time() - wireguard_latest_handshake_seconds"
    overview = [
        Panel(
            title="Nodes that answer",
            about="Node exporters that answered Prometheus last time, and all of them.",
            queries={"answer": 'sum(up{job="node"})', "all": 'count(up{job="node"})'},
            kind="stat",
            width=6,
        ),
        Panel(
            title="Alerts that fire",
            about="The watchdog, which always does, left out.",
            queries={
                "alerts": 'sum(ALERTS{alertstate="firing",alertname!="Watchdog"} or vector(0))'
            },
            kind="stat",
            width=6,
            steps=NONE_IS_WELL,
        ),
        Panel(
            title="Sessions older than 3 minutes",
            about="Between nodes, each counted at both ends.",
            queries={"sessions": f"sum(({shaken}{{{pairs}}}) > bool 180)"},
            kind="stat",
            width=6,
            steps=NONE_IS_WELL,
        ),
        Panel(
            title="A stranger's packets, last day",
            about="Inside a plane, from an address that is no peer's: dropped, and never harmless.",
            queries={
                "packets": 'sum(increase(backplane_unexpected_packets_total{job="wireguard"}[1d]))'
            },
            kind="stat",
            width=6,
            steps=NONE_IS_WELL,
        ),
    ]
    matrices = [
        Panel(
            title=f"Seconds since the last handshake: {plane.slot}",
            about="Rows tell of columns. One red cell is one tunnel, a red row or column one node.",
            queries={
                "": f'max by (instance, friendly_name) ({shaken}{{{pairs},plane="{plane.slot}"}})'
            },
            kind="matrix",
            unit="s",
            steps=_OLD,
        )
        for plane in plan.planes
    ]
    return Dashboard(name="mesh", title="Mesh", panels=[*overview, *matrices])


def _planes(plan: Plan) -> Dashboard:
    def rate(way: str, plane: str = ".+") -> str:
        return f'rate(wireguard_{way}_bytes_total{{job="wireguard",plane=~"{plane}"}}[{RATE}])'

    whole = [
        Panel(
            title=f"{way.capitalize()}, by plane",
            about="Inside the tunnels, all nodes together.",
            queries={"{{plane}}": f"sum by (plane) ({rate(way)})"},
            unit="Bps",
        )
        for way in ("sent", "received")
    ]
    each = [
        Panel(
            title=f"{plane.slot}: sent, by node",
            about="Who fills this plane.",
            queries={"{{instance}}": f"sum by (instance) ({rate('sent', plane.slot)})"},
            unit="Bps",
        )
        for plane in plan.planes
    ]
    others = [
        Panel(
            title="The ten busiest pairs",
            about="Who sends to whom, over all planes.",
            queries={
                "{{instance}} to {{friendly_name}}": "topk(10, sum by (instance, friendly_name) "
                f"({rate('sent')}))"
            },
            unit="Bps",
        ),
        Panel(
            title="Packets that tunnels drop",
            about="No session, or no room: a peer that is gone, or an uplink that is full.",
            queries={
                "{{instance}} {{device}}": "rate(node_network_transmit_drop_total"
                f'{{job="node",device=~"wg[0-3]"}}[{RATE}])'
            },
            unit="pps",
        ),
    ]
    return Dashboard(name="planes", title="Traffic of planes", panels=[*whole, *each, *others])


def _nodes() -> Dashboard:
    of = f'job="node",{_NODE}'
    panels = [
        Panel(
            title="Processors busy",
            about="Share of all processors of a node.",
            queries={
                "{{instance}}": "1 - avg by (instance) (rate(node_cpu_seconds_total"
                f'{{{of},mode="idle"}}[{RATE}]))'
            },
            unit="percentunit",
        ),
        Panel(
            title="Memory in use",
            about="Share of memory that could not be had at once.",
            queries={
                "{{instance}}": f"1 - node_memory_MemAvailable_bytes{{{of}}} / "
                f"node_memory_MemTotal_bytes{{{of}}}"
            },
            unit="percentunit",
        ),
        Panel(
            title="File systems in use",
            about="Share of each that is full.",
            queries={
                "{{instance}} {{mountpoint}}": "max by (instance, mountpoint) (1 - "
                f"node_filesystem_avail_bytes{{{of}}} / node_filesystem_size_bytes{{{of}}})"
            },
            unit="percentunit",
        ),
        Panel(
            title="Load",
            about="Processes that run or wait, over a minute.",
            queries={"{{instance}}": f"node_load1{{{of}}}"},
        ),
        Panel(
            title="Clocks",
            about="How far off each is, as its source of time says; above 0.5 s rotation of keys "
            "is refused.",
            queries={"{{instance}}": f"node_timex_offset_seconds{{{of}}}"},
            unit="s",
        ),
        Panel(
            title="Units that have failed",
            about="On the node, `systemctl --failed` names them.",
            queries={
                "{{instance}}": "sum by (instance) (node_systemd_unit_state"
                f'{{{of},state="failed"}})'
            },
            steps=NONE_IS_WELL,
        ),
        Panel(
            title="Traffic outside the tunnels",
            about="Sent on the machine's own interfaces; what planes carry is in it, encrypted.",
            queries={
                "{{instance}} {{device}}": "rate(node_network_transmit_bytes_total"
                f'{{{of},device!~"lo|wg[0-3]"}}[{RATE}])'
            },
            unit="Bps",
        ),
        Panel(
            title="Waits for a reboot",
            about="1 where an update takes effect with the next one.",
            queries={"{{instance}}": f'backplane_reboot_required{{job="wireguard",{_NODE}}}'},
            steps=NONE_IS_WELL,
        ),
    ]
    return Dashboard(name="nodes", title="Nodes", panels=panels, chooses=True)


def _copies() -> Dashboard:
    def of(metric: str) -> str:
        return f'backplane_replication_{metric}_seconds{{job="wireguard"}}'

    panels = [
        Panel(
            title="How far copies are behind",
            about="Age of the newest snapshot that the target has received. Two intervals raise "
            "an alert; before the first copy there is no curve.",
            queries={"{{dataset}} on {{instance}}": of("lag")},
            unit="s",
        ),
        Panel(
            title="In intervals",
            about="The same, by each one's declared interval: above 2 is late.",
            queries={
                "{{dataset}} on {{instance}}": f"{of('lag')} / on (instance, dataset) "
                f"{of('interval')}"
            },
            steps=(("green", None), ("red", 2)),
        ),
        Panel(
            title="Newest snapshot received",
            about="When it was made, at the source.",
            queries={"{{dataset}} on {{instance}}": f"{of('newest')} * 1000"},
            kind="stat",
            unit="dateTimeAsIso",
        ),
        Panel(
            title="Sent on storage, by node",
            about="What replication and everything else there carries.",
            queries={
                "{{instance}}": "sum by (instance) (rate(wireguard_sent_bytes_total"
                f'{{job="wireguard",plane="storage"}}[{RATE}]))'
            },
            unit="Bps",
        ),
    ]
    return Dashboard(name="copies", title="Copies", panels=panels)
