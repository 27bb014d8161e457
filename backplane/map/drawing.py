"""The map as a drawing (SVG): planes are rails, sites are plugged into them, nodes are cards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from backplane.map.assets import asset
from backplane.map.markup import clean, text
from backplane.map.model import AWAY, DIFFERS, SAYS, SILENT

Json = Mapping[str, Any]

WIDTH = 960
_RAILS, _PITCH = 28, 26
_LEFT, _RIGHT = 158, 940
_HEAD = 30
_GAP = 18
_MANY = 60
"""More nodes than that are drawn small, without their roles."""


@dataclass(frozen=True, slots=True)
class _Size:
    """Of a node's card, px; `letters` of its name are shown."""

    width: int
    height: int
    letters: int


_LARGE, _SMALL = _Size(180, 44, 19), _Size(122, 24, 14)


def svg(model: Json) -> str:
    """A whole SVG file that needs nothing else; the same model gives the same bytes."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{drawing(model, style=asset("drawing.css"))}'


def drawing(model: Json, *, style: str = "") -> str:
    """The element `svg`; with a style sheet of its own, or with that of the page it stands in."""
    nodes = {node["name"]: node for node in model["nodes"]}
    planes = model["planes"]
    right = _RIGHT - (_room(model) if model["links"] else 0)
    size = _fit(_SMALL if len(model["nodes"]) > _MANY else _LARGE, right)
    top = 20 + 24 * len(planes) + _GAP
    bands: dict[str, tuple[int, int]] = {}
    for site in model["sites"]:
        columns = _columns(right, size)
        rows = -(-len(site["nodes"]) // columns)
        height = max(_HEAD + rows * (size.height + 8) + 8, 22 + 14 * len(planes))
        bands[site["name"]] = (top, height)
        top += height + _GAP
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="map" viewBox="0 0 {WIDTH} {top}" '
            f'role="img" aria-label="{text(_label(model))}">'
        ),
        *([f"<style>{style}</style>"] if style else []),
        f"<title>{text(_label(model))}</title>",
        f'<rect class="paper" width="{WIDTH}" height="{top}"/>',
        *_rails(planes, bands),
        *(_band(site, bands[site["name"]], right) for site in model["sites"]),
        *_taps(planes, bands),
    ]
    common = _common(model)
    for site in model["sites"]:
        parts += _cards(site, (nodes, common), bands[site["name"]][0], right, size)
    parts += _ways(model, bands, right)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _label(model: Json) -> str:
    nodes, sites = len(model["nodes"]), len(model["sites"])
    return (
        f"Stack {model['stack']}: {nodes} node{'s' * (nodes != 1)} on "
        f"{sites} site{'s' * (sites != 1)}, {len(model['planes'])} WireGuard planes"
    )


def _fit(size: _Size, right: int) -> _Size:
    """Cards that fill their row."""
    columns = _columns(right, size)
    return replace(size, width=(right - _LEFT - 24 + 8) // columns - 8)


def _columns(right: int, size: _Size) -> int:
    return max(1, (right - _LEFT - 24 + 8) // (size.width + 8))


def _rails(planes: Iterable[Json], bands: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    """A line for each plane, which begins beside its name and ends at the last site."""
    end = max((top + height for top, height in bands.values()), default=100) - 10
    for at, plane in enumerate(planes):
        x, y = _RAILS + at * _PITCH, 24 + 24 * at
        turn = f"M{_LEFT - 8} {y}H{x + 8}Q{x} {y} {x} {y + 8}V{end}"
        yield f'<path class="rail p{at % 4}" d="{turn}"/>'
        yield (
            f'<text x="{_LEFT}" y="{y + 4}"><tspan class="plane">{text(plane["interface"])} '
            f"{text(plane['slot'])}</tspan></text>"
            f'<text class="soft" x="{_LEFT + 150}" y="{y + 4}">{text(plane["ipv4"])}, '
            f"UDP {text(plane['port'])}</text>"
        )


def _band(site: Json, band: tuple[int, int], right: int) -> str:
    top, height = band
    count = len(site["nodes"])
    about = f"{site['cloud']}, {site['location']}, {count} node{'s' * (count != 1)}"
    return (
        f'<rect class="band" x="{_LEFT}" y="{top}" width="{right - _LEFT}" height="{height}" '
        f'rx="6"/><text class="site" x="{_LEFT + 12}" y="{top + 20}">{text(site["name"])}'
        f'<tspan class="soft" dx="10">{text(about)}</tspan></text>'
    )


def _taps(planes: Iterable[Json], bands: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    """Each site on each rail."""
    for top, _ in bands.values():
        for at, _plane in enumerate(planes):
            x, y, hue = _RAILS + at * _PITCH, top + 16 + 14 * at, f"p{at % 4}"
            yield f'<path class="way {hue}" d="M{x} {y}H{_LEFT}"/>'
            yield f'<circle class="dot {hue}" cx="{x}" cy="{y}" r="4"/>'


def _common(model: Json) -> frozenset[str]:
    """Roles that tell no node from another."""
    own = [frozenset(node["roles"]) for node in model["nodes"]]
    return frozenset.intersection(*own) if len(own) > 1 else frozenset()


def _cards(
    site: Json,
    known: tuple[Mapping[str, Json], frozenset[str]],
    top: int,
    right: int,
    size: _Size,
) -> Iterator[str]:
    nodes, common = known
    columns = _columns(right, size)
    for at, name in enumerate(site["nodes"]):
        row, column = divmod(at, columns)
        x = _LEFT + 12 + column * (size.width + 8)
        y = top + _HEAD + row * (size.height + 8)
        yield _card(nodes[name], common, (x, y), size)


def _card(node: Json, common: frozenset[str], place: tuple[int, int], size: _Size) -> str:
    x, y = place
    gateway = node["gateway"] is not None
    what = SAYS[node["state"]] + (f" ({node['mark']})" if node["mark"] else "")
    title = f"{node['name']}: {what}{', gateway' if gateway else ''}"
    roles = [role for role in node["roles"] if role not in common]
    lines = f'<text x="{x + 24}" y="{y + 16}">{text(_short(node["name"], size.letters))}</text>'
    if size.height == _LARGE.height:
        below = _short(", ".join(roles) or node["key"], 26)
        lines += f'<text class="soft" x="{x + 24}" y="{y + 33}">{text(below)}</text>'
    return (
        f'<g class="node {node["state"]}{" gateway" if gateway else ""}" '
        f'data-node="{text(node["name"])}"><title>{text(title)}</title>'
        f'<rect class="card" x="{x}" y="{y}" width="{size.width}" height="{size.height}" rx="4"/>'
        f"{sign(node['state'], x + 12, y + 12)}{lines}</g>"
    )


def sign(state: str, x: int, y: int) -> str:
    """A shape for each state, so that nobody needs its colour."""
    if state == DIFFERS:
        return f'<path class="sign" d="M{x} {y - 5}L{x + 5} {y + 4}H{x - 5}Z"/>'
    if state == SILENT:
        return f'<path class="sign" d="M{x - 4} {y - 4}l8 8m0 -8l-8 8"/>'
    if state == AWAY:
        return f'<path class="sign" d="M{x - 5} {y}h10"/>'
    return f'<circle class="sign" cx="{x}" cy="{y}" r="4"/>'


def _short(value: object, letters: int) -> str:
    told = clean(value)
    return told if len(told) <= letters else f"{told[: letters - 1]}\u2026"


def _pairs(model: Json) -> list[tuple[str, str]]:
    """Which sites their gateways join, each pair once."""
    site = {node["name"]: node["site"] for node in model["nodes"]}
    return sorted(
        {tuple(sorted((site[one["from"]], one["site"]))) for one in model["links"]}
        - {(name, name) for name in site.values()}
    )


def _room(model: Json) -> int:
    """Px that the lines between sites need beside them."""
    return min(120, 24 + 10 * len(_pairs(model)))


def _ways(model: Json, bands: Mapping[str, tuple[int, int]], right: int) -> Iterator[str]:
    """A line between two sites for what their gateways have between them."""
    pairs = _pairs(model)
    step = (_room(model) - 20) / max(1, len(pairs))
    order = list(bands)
    ends: dict[str, int] = dict.fromkeys(bands, 0)
    near = sorted(pairs, key=lambda pair: abs(order.index(pair[0]) - order.index(pair[1])))
    for at, pair in enumerate(near):
        ys = []
        for name in pair:
            top, height = bands[name]
            ends[name] += 1
            ys.append(top + round(height * ends[name] / (len(order) + 1)))
        x = round(right + 14 + step * at)
        first, last = sorted(ys)
        turn = f"H{x}V{last}"
        own = [one for one in model["links"] if _between(model, one, pair)]
        down = sum(one["up"] is False for one in own)
        title = f"{pair[0]} and {pair[1]}: {len(own) // 2} links between their gateways"
        if down:
            title += f", {down} of their {len(own)} ends down"
        yield (
            f'<g class="{"down" if down else "up"}"><title>{text(title)}</title>'
            f'<path class="way" d="M{right} {first}{turn}H{right}"/>'
            f'<circle class="dot way" cx="{right}" cy="{first}" r="3"/>'
            f'<circle class="dot way" cx="{right}" cy="{last}" r="3"/></g>'
        )


def _between(model: Json, link: Json, pair: tuple[str, str]) -> bool:
    home = next(node["site"] for node in model["nodes"] if node["name"] == link["from"])
    return {home, link["site"]} == set(pair) and home != link["site"]
