"""Meshes with private networks, and where their nodes call each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from backplane.render import bundle
from tests.core import example
from tests.core.example import Material


def mesh(*sites: str, cloud: str = "hetzner", declared: dict[str, Any] | None = None) -> Any:  # noqa: ANN401
    """The example with a private network at these sites."""
    raw = declared or example.raw()
    for name in sites:
        site = raw["sites"][name]
        site["private_network"] = True
        if cloud == "aws":
            site |= {"cloud": "aws", "location": "eu-central-1"}
    return raw


def material(raw: dict[str, Any]) -> Material:
    """Its keys; each node of a private network is at 172.16.(site).(node + 1) there."""
    made = example.material(raw)
    cards = {
        node.name: replace(
            made.cards[node.name],
            private=f"172.16.{node.site_id}.{node.id + 1}" if node.private else None,
        )
        for node in made.plan.nodes
    }
    return replace(made, cards={**made.cards, **cards})


def files(made: Material, node: str) -> dict[str, str]:
    """The files of one node's bundle, by path."""
    one = bundle.bundle(made.plan, node, made.identities[node], made.cards, made.roots)
    return {path: file.text for path, file in one.files().items()}


def called(text: str) -> dict[str, str]:
    """Where a file of wg-quick calls each peer, by name."""
    found: dict[str, str] = {}
    for part in text.split("\n\n")[1:]:
        name, *lines = part.strip().splitlines()
        ends = [line.removeprefix("Endpoint = ") for line in lines if line.startswith("Endpoint")]
        found |= {name.removeprefix("# "): end for end in ends}
    return found
