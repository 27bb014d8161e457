"""The map as one HTML page: nothing comes from elsewhere, and nothing in its data can act."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from backplane.map.assets import asset
from backplane.map.drawing import drawing
from backplane.map.legend import ages, states
from backplane.map.markup import allowed, data, text
from backplane.map.model import AWAY, NOTE, SAYS, SILENT
from backplane.map.tables import between, nodes

Json = Mapping[str, Any]


def page(model: Json) -> str:
    """The whole page; the same model gives the same bytes."""
    style = asset("drawing.css") + asset("page.css")
    script = asset("matrix.js") + asset("page.js")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src {allowed(style)}",
            f"script-src {allowed(script)}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        '<head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="referrer" content="no-referrer">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{text(model['stack'])}: map of the mesh</title>",
        f"<style>{style}</style></head>",
        "<body>",
        '<a class="skip" href="#nodes">To the list of nodes</a>',
        *_head(model),
        "<main>",
        *_tools(model),
        '<div class="pair"><section id="picture" aria-labelledby="picture-title">',
        '<h2 id="picture-title">Sites and planes</h2>',
        drawing(model),
        states(model),
        "</section>",
        (
            '<section id="details" tabindex="-1" aria-labelledby="details-title">'
            '<h2 id="details-title">The mesh</h2><div id="details-body">'
        ),
        *_summary(model),
        "</div></section></div>",
        *(_matrix(model) if model["live"] else ()),
        *_findings(model),
        *between(model),
        *nodes(model),
        "</main>",
        _foot(model),
        f'<script type="application/json" id="data">{data(model)}</script>',
        f"<script>{script}</script>",
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def verdict(model: Json) -> str:
    """What is to be known first, in one sentence or two."""
    nodes, counts = len(model["nodes"]), model["counts"]
    if not model["live"]:
        return f"This is the plan: {_count(nodes, 'node')}, of which no machine was asked."
    asked = nodes - counts[AWAY]
    wrong = sum(one["source"] != NOTE for one in model["findings"])
    said = [
        f"{counts[SILENT]} of {_count(asked, 'node')} did not answer"
        if counts[SILENT]
        else f"All {_count(asked, 'node')} answered"
        if asked != 1
        else "The one node answered",
        _count(wrong, "finding"),
    ]
    quiet = sum(plane["expected"] - plane["heard"] for plane in model["planes"])
    if quiet:
        said.append(f"{_count(quiet, 'session')} without a fresh handshake")
    if counts[AWAY]:
        said.append(f"{counts[AWAY]} marked to be away")
    return ", ".join(said) + "."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _head(model: Json) -> Iterator[str]:
    well = {None: "plan", True: "ok", False: "not-ok"}[model["ok"]]
    word = {"plan": "Plan", "ok": "Well", "not-ok": "Not well"}[well]
    yield f'<header><p class="soft">Backplane</p><h1>{text(model["stack"])}</h1>'
    yield f'<p class="verdict {well}"><strong>{word}.</strong> {text(verdict(model))}</p>'
    if model["live"]:
        at = text(model["at"])
        shown = at.replace("T", " ").replace("Z", " UTC")
        yield (
            f'<p class="soft">Looked at <time id="at" datetime="{at}">{shown}</time> in '
            f'{model["seconds"]} s. <span id="stale" role="status"></span></p>'
        )
    yield "</header>"


def _tools(model: Json) -> Iterator[str]:
    yield '<form id="tools" role="search" aria-label="What is shown">'
    if model["live"]:
        yield '<fieldset><legend>Plane</legend><div class="choice">'
        for at, plane in enumerate(model["planes"]):
            slot = text(plane["slot"])
            yield (
                f'<label class="p{at % 4}"><input type="radio" name="plane" value="{slot}"'
                f"{' checked' if at == 0 else ''}><span>{text(plane['interface'])} {slot}</span>"
                "</label>"
            )
        yield "</div></fieldset>"
    yield (
        '<label class="field">Find <input id="find" type="search" autocomplete="off" '
        'spellcheck="false" placeholder="name, site, role, address"></label>'
    )
    if model["live"]:
        yield '<label class="check"><input id="only" type="checkbox"> '
        yield "only nodes with findings</label>"
    yield '<output id="shown" for="find"></output></form>'


def _summary(model: Json) -> Iterator[str]:
    """What stands where a node's details are to be, until one is chosen."""
    counts = [f"{SAYS[state]}: {number}" for state, number in model["counts"].items() if number]
    facts = {
        "nodes": ", ".join(counts) or "none",
        "sites": len(model["sites"]),
        "topology": model["topology"],
    }
    yield "<dl>"
    yield from (f"<dt>{name}</dt><dd>{text(told)}</dd>" for name, told in facts.items())
    yield "</dl>"
    yield '<p class="soft">Choose a node in the picture or the list for its details.</p>'


def _matrix(model: Json) -> Iterator[str]:
    yield '<section id="handshakes" aria-labelledby="handshakes-title">'
    yield '<h2 id="handshakes-title">Handshakes</h2><div class="planes">'
    for at, plane in enumerate(model["planes"]):
        oldest = "none yet" if plane["oldest"] is None else f"oldest {plane['oldest']} s"
        yield (
            f'<p class="p{at % 4}{" bad" if plane["heard"] != plane["expected"] else ""}">'
            f"<b>{text(plane['interface'])} {text(plane['slot'])}</b> "
            f"{plane['heard']} of {plane['expected']} fresh, {oldest}</p>"
        )
    yield "</div>"
    yield ages(model["fresh"])
    yield (
        '<p class="soft" id="matrix-help">Rows tell how old their sessions with the columns are. '
        "Arrow keys move, Enter shows the row's node; the same figures stand in each node's "
        'details.</p><p id="which"></p><div class="scroll">'
        '<canvas id="matrix" tabindex="0" role="application" '
        'aria-roledescription="matrix" aria-label="Handshake ages" '
        'aria-describedby="matrix-help cell"></canvas></div>'
        '<output id="cell" aria-live="polite"></output>'
        "<noscript><p>The matrix needs scripts.</p></noscript></section>"
    )


def _findings(model: Json) -> Iterator[str]:
    if not model["live"]:
        return
    yield '<section aria-labelledby="findings-title"><h2 id="findings-title">Findings</h2>'
    if not model["findings"]:
        yield '<p class="ok">None: doctor, drift and status are content.</p>'
    else:
        yield '<ul class="findings">'
        for at, one in enumerate(model["findings"]):
            yield f'<li id="finding-{at}">{"".join(_finding(one))}</li>'
        yield "</ul>"
    yield "</section>"


def _finding(one: Json) -> Iterator[str]:
    plane = f" on {one['plane']}" if one["plane"] else ""
    yield f'<p><span class="tag">{text(one["source"])}</span> '
    yield f"<b>{text(one['where'])}</b>{text(plane)}: {text(one['what'])}</p>"
    if one["why"]:
        yield f"<p>{text(one['why'])}</p>"
    if one["evidence"]:
        yield f"<ul>{''.join(f'<li>{text(line)}</li>' for line in one['evidence'])}</ul>"
    if one["fix"]:
        yield f'<p class="soft">Next: {text(one["fix"])}</p>'


def _foot(model: Json) -> str:
    how = "backplane map" if model["live"] else "backplane map --plan"
    return (
        f'<footer class="soft"><p>Made by <code>{how}</code>. It holds no secret, but says where '
        "every machine is. It asks nothing of any network, and does not change by itself: make it "
        "anew for another look.</p></footer>"
    )
