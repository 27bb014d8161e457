"""A bundle: every file of one node for one generation, as one text for stdin."""

import base64
import hashlib
import json
import lzma
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from backplane import console, keys, names, planes
from backplane.keys import Card, Identity
from backplane.logins import able
from backplane.plan import Peer, Plan, PlanNode, PlanPerson
from backplane.render import entry, hosts, logins, nftables, services, sshd, sysctl, tunnels
from backplane.render.keytable import KeyTable, fill
from backplane.render.tunnels import Known
from backplane.roles import replica
from backplane.roles.base import HostKey, Named, Piece, PrivateKey, PublicKey

FORMAT = 1
"""Version of the document; the node tool refuses any other."""

_LINE = 76
_PRESET = 0
"""18 % fewer bytes than zlib's best; 6 takes ten times as long for 5 % more (48 nodes)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleFile:
    """One file: permission bits as four octal digits, and its text with keys filled in."""

    mode: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """One node's generation.

    Attributes:
        node: whose.
        incarnation: of which machine of that name.
        generation: 16 hex digits, a hash of everything in it: equal content, equal generation.
        document: the JSON document without its generation. Secret: it holds keys.
    """

    node: str
    incarnation: int
    generation: str
    document: Mapping[str, Any] = field(repr=False)

    def encode(self) -> str:
        """Base64 (lines of 76) of xz of the canonical JSON; the same text every time. Secret."""
        text = _canonical({**self.document, "generation": self.generation})
        packed = base64.b64encode(lzma.compress(text.encode(), preset=_PRESET)).decode()
        return "".join(f"{packed[at : at + _LINE]}\n" for at in range(0, len(packed), _LINE))

    def files(self) -> dict[str, BundleFile]:
        """Every file by path. Secret."""
        return {
            entry["path"]: BundleFile(
                mode=entry["mode"], text=fill(entry["text"], self.document["keys"])
            )
            for entry in self.document["files"]
        }


def decode(text: str) -> Bundle:
    """The bundle of an encoded text. ValueError if its hash does not fit its content."""
    document = json.loads(lzma.decompress(base64.b64decode(text)))
    stated = document.pop("generation")
    return _bundle(document, stated=stated)


def bundle(
    plan: Plan,
    name: str,
    identity: Identity,
    directory: Mapping[str, Card],
    psk_roots: Mapping[str, bytes],
    secrets: Mapping[str, str] = MappingProxyType({}),
) -> Bundle:
    """The bundle of a node with everything the plan gives it.

    Args:
        plan: the mesh.
        name: the node.
        identity: its keys, for every plane in use.
        directory: the card of every node and person, by name.
        psk_roots: the PSK root of each plane in use.
        secrets: those that the declaration names, by name.
    """
    peers = {slot: plan.peers(name, slot) for slot in plan.slots}
    run = services.services(plan, plan.node(name), plan.roles(name))
    block = hosts.block(plan.records)
    known = Known(directory=directory, psk_roots=psk_roots, secrets=secrets)
    far = {slot: plan.far(name, slot) for slot in plan.slots} if plan.routed else {}
    return _make(plan, plan.node(name), peers, far, identity, known, block, run)


def birth(
    plan: Plan,
    name: str,
    identity: Identity,
    runners: Mapping[str, Card],
    psk_roots: Mapping[str, bytes],
) -> Bundle:
    """The first lasting generation: the two ways in, with only the runners as peers.

    It tells of no other node, so that it stays the same whoever else comes or goes.

    Args:
        plan: the mesh.
        name: the node.
        identity: its lasting keys, for enrollment and management at least.
        runners: the card of each runner, by name.
        psk_roots: the PSK root of enrollment and of management.
    """
    node = plan.node(name)
    peers = {slot: runner_peers(plan, slot) for slot in planes.REQUIRED}
    block = hosts.block(names.own([node], [plan.plane(slot) for slot in peers]))
    nothing = services.Services()
    known = Known(directory=runners, psk_roots=psk_roots, secrets={})
    return _make(plan, node, peers, {}, identity, known, block, nothing)


def runner_peers(plan: Plan, slot: str) -> tuple[Peer, ...]:
    """The runners as peers of a node that knows nobody else."""
    return tuple(peer for peer in plan.members[slot] if peer.kind == "runner")


def _make(
    plan: Plan,
    node: PlanNode,
    peers: Mapping[str, tuple[Peer, ...]],
    far: Mapping[str, tuple[Peer, ...]],
    identity: Identity,
    known: Known,
    block: str,
    run: services.Services,
) -> Bundle:
    table = KeyTable()
    ways = tunnels.tunnels(plan, node, peers, far, identity, known, table)
    files = {path: ("0600", text) for path, text in ways.files.items()}
    directory = known.directory
    people = [(person, directory[person.name].ssh) for person in _people(plan, peers)]
    files["nftables.nft"] = (
        "0600",
        nftables.ruleset(plan, node, slots=peers, peers=peers, far=far),
    )
    files["sshd.conf"] = (
        "0644",
        sshd.config(
            node,
            slots=peers,
            copies=replica.NAME in run.document,
            logins=[one.user for one in able(person for person, _ in people)],
        ),
    )
    files["ssh_host_ed25519_key"] = ("0600", identity.ssh.private.text())
    files["ssh_host_ed25519_key.pub"] = ("0644", f"{identity.ssh.public} {node.name}\n")
    roots = [(person, key) for person, key in people if person.login is None]
    entries = [one for one in plan.entries(node.site) if one is not node]
    files["authorized_keys"] = (
        "0600",
        sshd.authorized_keys(roots, slots=peers, entries=entries),
    )
    own = logins.files(people, slots=peers, entries=entries)
    files.update({path: ("0644", text) for path, text in own.items()})
    files["sysctl.conf"] = (
        "0644",
        sysctl.config(
            node, routes=bool(far and node.links), hands_on=bool(entry.people(node, peers))
        ),
    )
    if identity.console is not None:
        files[console.FILE] = ("0600", console.line(identity.console))
    files["hosts"] = ("0644", block)
    files.update({path: ("0644", text) for path, text in run.files.items()})
    for path, pieces in run.secrets.items():
        told = (_piece(piece, table, known) for piece in pieces)
        files[path] = ("0600", "".join(told))
    return _bundle(
        {
            "format": FORMAT,
            "node": node.name,
            **({"was": node.was} if node.was else {}),
            **({"roles": run.document} if run.document else {}),
            "incarnation": node.incarnation,
            "files": [
                {"path": path, "mode": mode, "text": text}
                for path, (mode, text) in sorted(files.items())
            ],
            "interfaces": ways.interfaces,
            "mesh": ways.mesh,
            "keys": table.encode(),
        }
    )


def _piece(piece: Piece, table: KeyTable, known: Known) -> str:
    if isinstance(piece, str):
        return piece
    if isinstance(piece, Named):
        return known.secrets[piece.name]
    if isinstance(piece, HostKey):
        return known.directory[piece.owner].ssh
    if isinstance(piece, PrivateKey | PublicKey):
        pair = keys.replication(known.psk_roots[planes.STORAGE.slot], piece.owner)
        return pair.private.text() if isinstance(piece, PrivateKey) else pair.public
    root = known.psk_roots[planes.MANAGEMENT.slot]
    return table.add(keys.tsig(root, piece.owner, incarnation=piece.incarnation).reveal())


def _people(plan: Plan, peers: Mapping[str, tuple[Peer, ...]]) -> Iterable[PlanPerson]:
    names = {peer.name for slot in peers for peer in peers[slot]}
    return [person for person in plan.people if person.name in names]


def _canonical(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _bundle(document: Mapping[str, Any], *, stated: str | None = None) -> Bundle:
    generation = hashlib.sha256(_canonical(document).encode()).hexdigest()[:16]
    if stated not in {None, generation}:
        raise ValueError(f"the bundle says {stated}, its content says {generation}")
    return Bundle(
        node=document["node"],
        incarnation=document["incarnation"],
        generation=generation,
        document=document,
    )
