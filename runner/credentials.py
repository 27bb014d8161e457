"""The `runner` output: what a verb needs to reach the nodes, as data.

Shape (JSON, secret as a whole; `version` rises when a field changes its meaning)::

    {"version": 1, "stack": "lab", "push_key": "-----BEGIN OPENSSH…",
     "guards": ["10.200.0.0/16", …, "fd12:3456:789a::/48"],
     "runners": {"runner": {
        "sides": {"enrollment": {"interface": "lab-wg0", "addresses": [v4/16, v6/56],
                                 "mtu": 1420, "private_key": "<base64>"}, "management": {…}},
        "psks": {"fsn-a": {"enrollment": "<base64>", "management": "<base64>"}, …}}},
     "nodes": {"fsn-a": {"key": "1.1", "site": "fsn", "offline": false,
        "host_key": "ssh-ed25519 AAAA…", "endpoint": "198.51.100.17", "generation": "<16 hex>",
        "planes": {"enrollment": {"v4": …, "v6": …, "port": 51820, "public_key": "<base64>"}, …}}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runner.tunnel import Door, Peer, Side, Tunnel

if TYPE_CHECKING:
    # At run time this would load the whole SSH library, which a preview never needs.
    from runner.ssh import Place

VERSION = 1
"""Version of the shape above."""

DIALLED = ("enrollment", "management")
"""The planes a runner is on."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The `runner` output of one stack, read.

    Attributes:
        document: The shape in this module's docstring; secret.
    """

    document: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.document.get("version") != VERSION:
            raise ValueError(
                f"the stack's `runner` output has version {self.document.get('version')}, "
                f"this checkout reads {VERSION}: run `pulumi up` with this checkout first"
            )

    def __repr__(self) -> str:
        return f"Credentials({self.stack})"

    @property
    def stack(self) -> str:
        """Name of the stack."""
        return str(self.document["stack"])

    @property
    def nodes(self) -> Mapping[str, Mapping[str, Any]]:
        """The nodes by name."""
        nodes: Mapping[str, Mapping[str, Any]] = self.document["nodes"]
        return nodes

    @property
    def push_key(self) -> str:
        """OpenSSH private key that opens root's session on every node."""
        return str(self.document["push_key"])

    def place(self, node: str, slot: str = "management") -> Place:
        """Where a node's sshd is on a plane."""
        from runner.ssh import Place  # noqa: PLC0415 - see above

        told = self.nodes[node]
        return Place(node=node, host=told["planes"][slot]["v4"], host_key=told["host_key"])

    def tunnel(self, runner: str | None = None) -> Tunnel:
        """Bring the tunnel up with every node as a peer; `close` it when done.

        Args:
            runner: This machine's entry in `runners:`; the first by name when there is no word.

        Raises:
            RunnerError: This machine may not or cannot make it.
            KeyError: There is no such runner.
        """
        entries = self.document["runners"]
        own = entries[runner or min(entries)]
        tunnel = Tunnel(self.stack)
        tunnel.open(
            (
                Side(
                    slot=slot,
                    interface=side["interface"],
                    addresses=tuple(side["addresses"]),
                    mtu=side["mtu"],
                )
                for slot, side in own["sides"].items()
            ),
            self.document["guards"],
        )
        for slot, side in own["sides"].items():
            tunnel.own_key(slot, side["private_key"])
        for name, node in self.nodes.items():
            for slot in DIALLED:
                plane, host = node["planes"][slot], node["endpoint"]
                at = f"[{host}]" if ":" in host else host
                tunnel.meet(
                    Peer(
                        node=name,
                        slot=slot,
                        endpoint=f"{at}:{plane['port']}",
                        allowed=(f"{plane['v4']}/32", f"{plane['v6']}/128"),
                        doors=(Door(public=plane["public_key"], psk=own["psks"][name][slot]),),
                    )
                )
        return tunnel
