"""What is live on the nodes, read past their network."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from lab.layout import LabError
from lab.machines.machine import Machine
from tests.lab.canary import Canaries
from tests.lab.mesh import Mesh
from tests.soak.model import digest

_SCRIPT = """
backplane-node status; echo ---
wg show all dump; echo ---
ip -json -4 address
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A live peer.

    Attributes:
        public: its public key.
        psk: the digest of the PSK; None without one.
        allowed: its addresses, without prefix lengths.
    """

    public: str
    psk: str | None
    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What one node said.

    Attributes:
        status: what `backplane-node status` prints.
        publics: own public keys by interface.
        peers: by interface.
        addresses: own IPv4 addresses by interface.
        mtus: by interface.
    """

    status: dict[str, Any]
    publics: dict[str, str] = field(default_factory=dict)
    peers: dict[str, tuple[Peer, ...]] = field(default_factory=dict)
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    mtus: dict[str, int] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Whether nothing is under way and what is live is what boot would read."""
        status = self.status
        return status["timer"] is None and status["active"] == status["confirmed"]


def _parsed(text: str, canaries: Canaries, name: str) -> Facts:
    status, dump, links = text.split("---\n")
    publics: dict[str, str] = {}
    peers: dict[str, list[Peer]] = {}
    for line in dump.splitlines():
        interface, *columns = line.split("\t")
        if len(columns) == 4:
            publics[interface] = columns[1]
            peers[interface] = []
            _keep(canaries, f"{name} {interface} private", columns[0])
            continue
        public, psk, _, allowed = columns[:4]
        if psk != "(none)":
            _keep(canaries, f"{name} {interface} psk", psk)
        found = () if allowed == "(none)" else tuple(allowed.split(","))
        peers[interface].append(
            Peer(
                public=public,
                psk=None if psk == "(none)" else digest(psk),
                allowed=tuple(one.partition("/")[0] for one in found),
            )
        )
    entries = [entry for entry in json.loads(links) if entry["ifname"] in publics]
    return Facts(
        status=json.loads(status),
        publics=publics,
        peers={interface: tuple(found) for interface, found in peers.items()},
        addresses={
            entry["ifname"]: tuple(one["local"] for one in entry["addr_info"]) for entry in entries
        },
        mtus={entry["ifname"]: entry["mtu"] for entry in entries},
    )


def _keep(canaries: Canaries, name: str, text: str) -> None:
    raw = base64.b64decode(text)
    canaries.keys[f"{name} {digest(text)}"] = raw


def machines(mesh: Mesh) -> dict[str, Machine]:
    """The machines by name."""
    return {name: Machine(mesh.lab.lab, one["id"]) for name, one in mesh.servers().items()}


def gather(mesh: Mesh, names: Iterable[str], canaries: Canaries) -> dict[str, Facts | None]:
    """Ask nodes at once; None for one that cannot answer now. Secrets join the canaries."""
    there = machines(mesh)

    def ask(name: str) -> Facts | None:
        try:
            done = there[name].run("sh", "-c", _SCRIPT, seconds=20)
            return _parsed(done.stdout, canaries, name)
        except (KeyError, LabError, ValueError):
            return None

    wanted = sorted(names)
    with ThreadPoolExecutor(max_workers=4) as pool:
        return dict(zip(wanted, pool.map(ask, wanted), strict=True))
