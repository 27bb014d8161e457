"""Panels and pages of Grafana, as its dashboard model has them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

SCHEMA = 39
"""The version of that model."""

_SOURCE = {"type": "prometheus", "uid": "${source}"}
_COLUMNS, _TALL = 24, 8
Steps = Sequence[tuple[str, float | None]]
NONE_IS_WELL: Steps = (("green", None), ("red", 1))
"""Colours of a number that is best zero."""


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
