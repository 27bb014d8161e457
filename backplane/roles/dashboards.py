"""Dashboards of the grafana role, as code: the mesh, its planes' traffic, its nodes, its copies.

Every query is of Prometheus' own language (PromQL) on metrics that nodes here have; the lab asks
its Prometheus each of them. The JSON is Grafana's dashboard model, version 39 of its schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from backplane.plan import Plan

SCHEMA = 39
RATE = "$__rate_interval"
"""What Grafana puts in the place of this: at least four scrapes."""

_SOURCE = {"type": "prometheus", "uid": "${source}"}
_COLUMNS, _TALL = 24, 8
_NODE = 'instance=~"$node"'
Steps = Sequence[tuple[str, float | None]]
_OLD: Steps = (("transparent", None), ("green", 0), ("orange", 150), ("red", 180))
"""Seconds since a handshake: nodes shake hands every 120, and a session is refused after 180
(WireGuard whitepaper, section 6.2). Where there is no tunnel there is no colour."""

_NONE_IS_WELL: Steps = (("green", None), ("red", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture.

    Attributes:
        title: what it shows.
        about: how to read it.
        queries: by legend, in PromQL.
        kind: a curve, a number, or a matrix of who (rows) by whom (columns).
        unit: Grafana's name for it.
        width: of 24 columns.
        steps: from which value on it has which colour; the first from the start.
    """

    title: str
    about: str
    queries: Mapping[str, str]
    kind: Literal["timeseries", "stat", "matrix"] = "timeseries"
    unit: str = "short"
    width: int = 12
    steps: Steps = (("green", None),)

    def document(self, number: int, *, left: int, top: int) -> dict[str, Any]:
        """As Grafana's JSON, at a place."""
        matrix = self.kind == "matrix"
        once = self.kind != "timeseries"
        custom = {"cellOptions": {"type": "color-background"}} if matrix else {}
        thresholds = [{"color": color, "value": value} for color, value in self.steps]
        made: dict[str, Any] = {
            "id": number,
            "type": "table" if matrix else self.kind,
            "title": self.title,
            "description": self.about,
            "datasource": _SOURCE,
            "gridPos": {"x": left, "y": top, "w": self.width, "h": _TALL},
            "fieldConfig": {
                "defaults": {
                    "unit": self.unit,
                    "custom": custom,
                    "thresholds": {"mode": "absolute", "steps": thresholds},
                },
                "overrides": [],
            },
            "targets": [
                {
                    "refId": chr(ord("A") + at),
                    "datasource": _SOURCE,
                    "expr": query,
                    "legendFormat": legend,
                    "instant": once,
                    "range": not once,
                    "format": "table" if matrix else "time_series",
                }
                for at, (legend, query) in enumerate(self.queries.items())
            ],
        }
        if matrix:
            options = {
                "rowField": "instance",
                "columnField": "friendly_name",
                "valueField": "Value",
                "emptyValue": "empty",
            }
            made["transformations"] = [{"id": "groupingToMatrix", "options": options}]
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A page of panels.

    Attributes:
        name: of its file, and the end of its uid.
        title: as people see it.
        panels: in reading order.
        chooses: whether one may choose nodes.
    """

    name: str
    title: str
    panels: Sequence[Panel] = field(default_factory=tuple)
    chooses: bool = False

    def text(self) -> str:
        """As Grafana's JSON."""
        variables: list[dict[str, Any]] = [
            {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
        ]
        if self.chooses:
            names = 'label_values(up{job="node"}, instance)'
            variables.append(
                {
                    "name": "node",
                    "label": "Node",
                    "type": "query",
                    "datasource": _SOURCE,
                    "query": {"query": names, "refId": "node"},
                    "definition": names,
                    "includeAll": True,
                    "multi": True,
                    "current": {"text": "All", "value": "$__all"},
                    "refresh": 2,
                    "sort": 1,
                }
            )
        document = {
            "uid": f"backplane-{self.name}",
            "title": self.title,
            "tags": ["backplane"],
            "editable": False,
            "schemaVersion": SCHEMA,
            "version": 1,
            "timezone": "utc",
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "templating": {"list": variables},
            "panels": list(_placed(self.panels)),
        }
        return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _placed(panels: Sequence[Panel]) -> Iterator[dict[str, Any]]:
    left = top = 0
    for number, panel in enumerate(panels, start=1):
        if left + panel.width > _COLUMNS:
            left, top = 0, top + _TALL
        yield panel.document(number, left=left, top=top)
        left += panel.width


def files(plan: Plan) -> dict[str, str]:
    """Every dashboard by the name of its file; that of copies only where there are some."""
    made = [_mesh(plan), _planes(plan), _nodes(), *([_copies()] if plan.copies else [])]
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
            steps=_NONE_IS_WELL,
        ),
        Panel(
            title="Sessions older than 3 minutes",
            about="Between nodes, each counted at both ends.",
            queries={"sessions": f"sum(({shaken}{{{pairs}}}) > bool 180)"},
            kind="stat",
            width=6,
            steps=_NONE_IS_WELL,
        ),
        Panel(
            title="A stranger's packets, last day",
            about="Inside a plane, from an address that is no peer's: dropped, and never harmless.",
            queries={
                "packets": 'sum(increase(backplane_unexpected_packets_total{job="wireguard"}[1d]))'
            },
            kind="stat",
            width=6,
            steps=_NONE_IS_WELL,
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
            steps=_NONE_IS_WELL,
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
            steps=_NONE_IS_WELL,
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
