"""A program of the tests' own that spoils bundles: the product has no such switch.

`project` makes a copy of the project whose rollout's driver alters the bundles of named nodes. What
is altered stays consistent (counts, names, the generation's hash), so staging has nothing to object
to; only `truncated` is meant to be refused. Which node suffers what stands in the environment.
"""

from __future__ import annotations

import copy
import json
import os
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from backplane import recipe
from backplane.keys import Card, Identity
from backplane.plan import Plan
from backplane.render import bundle as bundles

MUTATION = "MUTATION_OF_THE_TEST"
"""JSON: what is done to the bundles, by node."""

_DRIVER = '''\
"""The ordinary driver with bundles that a test has altered."""

import sys

from runner.ordinary import main
from tests.lab import mutant

mutant.install()
sys.exit(main())
'''

Document = dict[str, Any]

NOWHERE = "[fe80::1]:22"
"""Where nobody can listen: a link-local address without its link. `sshd -t` does not mind."""


def project(folder: Path) -> Path:
    """Turn a copy of the project into one that spoils bundles."""
    driver = folder / "runner" / "driver.py"
    driver.rename(driver.with_name("ordinary.py"))
    driver.write_text(_DRIVER)
    return folder


def environment(mutation: Mapping[str, str]) -> dict[str, str]:
    """The environment in which the copy does `mutation`: one of `KINDS` or `ROUTED` by node."""
    return {MUTATION: json.dumps(dict(mutation))}


def install() -> None:
    """Have the driver get altered bundles."""
    wanted: dict[str, str] = json.loads(os.environ[MUTATION])
    honest = bundles.bundle

    def altered(
        plan: Plan,
        name: str,
        identity: Identity,
        directory: Mapping[str, Card],
        psk_roots: Mapping[str, bytes],
        secrets: Mapping[str, str] = MappingProxyType({}),
    ) -> bundles.Bundle:
        made = honest(plan, name, identity, directory, psk_roots, secrets)
        return spoil(made, wanted[name]) if name in wanted else made

    recipe.bundle = altered  # type: ignore[attr-defined]


def spoil(bundle: bundles.Bundle, kind: str) -> bundles.Bundle:
    """The bundle with one thing wrong, under the generation that its new content has."""
    if kind == "truncated":
        return Truncated(
            node=bundle.node,
            incarnation=bundle.incarnation,
            generation=bundle.generation,
            document=bundle.document,
        )
    document: Document = copy.deepcopy(dict(bundle.document))
    before = json.dumps(document)
    (KINDS | ROUTED)[kind](document)
    if json.dumps(document) == before:
        raise ValueError(f"{kind} changes nothing in the bundle of {bundle.node}")
    return bundles._bundle(document)


class Truncated(bundles.Bundle):
    """A bundle of which only the first half arrives."""

    def encode(self) -> str:
        """The first half of the text, by lines."""
        lines = bundles.Bundle.encode(self).splitlines(keepends=True)
        return "".join(lines[: len(lines) // 2])


def _rewrite(document: Document, path: str, change: Callable[[str], str]) -> None:
    for entry in document["files"]:
        if entry["path"] == path:
            entry["text"] = change(entry["text"])


def _shut_ssh(document: Document) -> None:
    """On wg1 no new SSH session is let in."""
    _rewrite(
        document,
        "nftables.nft",
        lambda text: re.sub(
            r"(chain wg1_open \{.*?)\t\ttcp dport \{[^}]*\} accept\n", r"\1", text, flags=re.DOTALL
        ),
    )


def _shut_all(document: Document) -> None:
    """Nothing comes in from any plane, open sessions included."""
    _rewrite(
        document,
        "nftables.nft",
        lambda text: re.sub(r'(iifname "wg\d") goto wg\d', r"\1 drop", text),
    )


def _deaf_sshd(document: Document) -> None:
    """Find no address to listen on, and so end."""
    _rewrite(
        document,
        "sshd.conf",
        lambda text: (
            f"ListenAddress {NOWHERE}\n"
            + re.sub(r"^ListenAddress .*\n", "", text, flags=re.MULTILINE)
        ),
    )


def _rude_sshd(document: Document) -> None:
    """Listen, and let nobody log in."""
    _rewrite(document, "sshd.conf", lambda text: "AllowUsers nobody\n" + text)


def _lost_runner(document: Document) -> None:
    """On both ways in, the runner's key gets the addresses of somebody who does not exist."""
    for path in ("wireguard/wg0.conf", "wireguard/wg1.conf"):
        _rewrite(
            document,
            path,
            lambda text: re.sub(
                r"(# runner\n(?:.+\n)*AllowedIPs = )(\d+\.\d+)\.\d+\.\d+/32, .*\n",
                r"\1\2.255.253/32\n",
                text,
            ),
        )


def _foreign_psk(document: Document, person: str, *paths: str) -> None:
    """Give one peer a PSK that only this node has."""
    keys = b64decode(document["keys"])
    document["keys"] = b64encode(keys + secrets.token_bytes(32)).decode()
    for path in paths:
        _rewrite(
            document,
            path,
            lambda text: re.sub(
                rf"(# {person}\n(?:.+\n)*?PresharedKey = )@K\d+@",
                rf"\g<1>@K{len(keys) // 32}@",
                text,
            ),
        )


def _runner_psk(document: Document) -> None:
    """On both ways in, the runner and this node have different PSKs."""
    _foreign_psk(document, "runner", "wireguard/wg0.conf", "wireguard/wg1.conf")


def _peer_psk(document: Document) -> None:
    """On one plane, this node and the first other node have different PSKs."""
    peer = next(one["name"] for one in document["mesh"]["wg2"] if one["kind"] == "node")
    _foreign_psk(document, peer, "wireguard/wg2.conf")


def _shut_routes(document: Document, which: str = r"\S+") -> None:
    """No route is let in from or out to another site."""
    for entry in document["files"]:
        if entry["path"].endswith("/frr.conf"):
            _rewrite(
                document,
                entry["path"],
                lambda text: re.sub(
                    rf"^(route-map {which}) permit", r"\1 deny", text, flags=re.MULTILINE
                ),
            )


def _mute_routes(document: Document) -> None:
    """No route is told to another site; what others tell is let in."""
    _shut_routes(document, r"site-\d+-out-\S+")


KINDS: dict[str, Callable[[Document], None]] = {
    "shut-ssh": _shut_ssh,
    "shut-all": _shut_all,
    "deaf-sshd": _deaf_sshd,
    "rude-sshd": _rude_sshd,
    "lost-runner": _lost_runner,
    "runner-psk": _runner_psk,
    "peer-psk": _peer_psk,
}
"""What can be spoiled without a word from staging, by name."""

ROUTED: dict[str, Callable[[Document], None]] = {
    "shut-routes": _shut_routes,
    "mute-routes": _mute_routes,
}
"""What only a gateway has, and can be spoiled likewise."""
