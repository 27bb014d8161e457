"""The tables of a map's page: nodes, and what is between sites."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from backplane.map.markup import fragment, text
from backplane.map.model import SAYS

Json = Mapping[str, Any]

_SHORT = 8
"""How many digits of a generation people are shown."""


def between(model: Json) -> Iterator[str]:
    """Who carries traffic between the sites of a routed mesh, and the links it goes by."""
    if not model["routes"]:
        return
    yield '<section aria-labelledby="routes-title"><h2 id="routes-title">Between sites</h2>'
    yield _table(
        ("from", "to", "carried by", "why", "by rights"),
        (
            (
                one["site"],
                one["remote"],
                _carrier(one, live=model["live"]),
                one["why"] or "-",
                one["default"],
            )
            for one in model["routes"]
        ),
        "Which gateway carries a site's traffic to another",
    )
    yield _table(
        ("gateway", "link", "to", "site", "handshake", "BGP", "BFD"),
        (
            (
                one["from"],
                one["interface"],
                one["to"],
                one["site"],
                "-" if one["age"] is None else f"{one['age']} s",
                one["bgp"] or "-",
                one["bfd"] or "-",
            )
            for one in model["links"]
        ),
        "Links between gateways, each end by itself",
    )
    yield "</section>"


def _carrier(one: Json, *, live: bool) -> str:
    if not live:
        return "-"
    if not one["active"]:
        return "nobody"
    return f"{one['owner']}, by way of {one['via']}" if one["via"] else str(one["owner"])


def nodes(model: Json) -> Iterator[str]:
    """Every node in a row, whose name leads to its details."""
    yield '<section aria-labelledby="nodes-title"><h2 id="nodes-title">Nodes</h2>'
    if not model["nodes"]:
        yield "<p>No node is declared yet.</p></section>"
        return
    columns = ("node", "site", "id", "state", "generation", "ways in", "roles")
    heads = "".join(f'<th scope="col">{column}</th>' for column in columns)
    yield '<div class="scroll"><table id="nodes"><caption class="soft">Arrow keys move through the '
    yield f"list, Enter shows a node's details.</caption><thead><tr>{heads}</tr></thead><tbody>"
    for node in model["nodes"]:
        place = fragment(node["name"])
        state = SAYS[node["state"]] + (f" ({node['mark']})" if node["mark"] else "")
        cells = (
            node["site"],
            node["key"],
            state,
            generation(node),
            ", ".join(way for way, is_open in node["ways"].items() if is_open) or "-",
            ", ".join(node["roles"]),
        )
        yield (
            f'<tr class="{node["state"]}" data-node="{text(node["name"])}"><th scope="row">'
            f'<a href="#node-{place}">{text(node["name"])}</a></th>'
            f"{''.join(f'<td>{text(cell)}</td>' for cell in cells)}</tr>"
        )
    yield "</tbody></table></div></section>"


def generation(node: Json) -> str:
    """A node's generation in few words; `docs/runbooks/change.md` says what its parts are."""
    told = node["generation"]
    wanted = told["declared"]
    if wanted is None:
        return "-"
    short = str(wanted)[:_SHORT]
    if told["confirmed"] is None:
        return short
    if told["confirmed"] == told["active"] == wanted:
        return f"{short}, confirmed and active"
    return (
        f"{short} declared, {str(told['confirmed'])[:_SHORT]} confirmed, "
        f"{str(told['active'])[:_SHORT]} active"
    )


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]], caption: str) -> str:
    head = "".join(f'<th scope="col">{text(one)}</th>' for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><caption class="soft">{text(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
