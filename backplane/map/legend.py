"""What the signs and colours of a map mean; each is told by its shape as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backplane.map.drawing import sign
from backplane.map.model import AWAY, DIFFERS, PLANNED, SILENT, WELL

_SIGNS = {
    WELL: "as declared",
    DIFFERS: "has findings",
    SILENT: "did not answer",
    AWAY: "marked offline or retire",
    PLANNED: "declared, not looked at",
}


def states(model: Mapping[str, Any]) -> str:
    """The signs of nodes that this map can have."""
    wanted = (WELL, DIFFERS, SILENT, AWAY) if model["live"] else (PLANNED, AWAY)
    items = "".join(
        f'<li><svg class="map" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">'
        f'<g class="{state}">{sign(state, 8, 8)}</g></svg> {_SIGNS[state]}</li>'
        for state in wanted
    )
    gateways = any(node["gateway"] is not None for node in model["nodes"])
    more = '<li><span class="framed"></span> gateway</li>' if gateways else ""
    return f'<ul class="legend" aria-label="Signs of nodes">{items}{more}</ul>'


def ages(fresh: int) -> str:
    """The steps of the matrix; `a0` to `a6` are its classes in matrix.js and page.css."""
    steps = (
        f"up to {fresh // 3} s",
        f"up to {fresh * 2 // 3} s",
        f"up to {fresh} s",
        f"older than {fresh} s: carries nothing",
        "no handshake",
        "node did not answer",
        "none is to be",
    )
    items = "".join(f'<li><i class="step a{at}"></i> {step}</li>' for at, step in enumerate(steps))
    return f'<ul class="legend" aria-label="Steps of the matrix">{items}</ul>'
