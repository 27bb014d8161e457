"""The stretch of network between the router and one server: its own stateful firewall.

A cloud's firewall is stateful per server, so each server has a namespace with a connection
table of its own: `core` -- `net` [firewall namespace] `server` -- `eth0` [machine].
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from lab.driver import Rule
from lab.layout import GATEWAY_V4, Lab, LabError
from lab.network.namespace import Namespace, mac, router_sysctls
from lab.network.rules import ruleset

CORE_V6, FIREWALL_V6, GATEWAY_V6 = "fe80::a1", "fe80::a2", "fe80::1"
_CORE, _UP, _SERVER, _MACHINE = 0x11, 0x12, 0x13, 0x14


@dataclass(frozen=True, slots=True, kw_only=True)
class Firewall:
    """The network of one server.

    Attributes:
        lab: The lab it belongs to.
        server: The server's id.
        ipv4: Its address, or None.
        ipv6: Its network with prefix length, or None.
    """

    lab: Lab
    server: int
    ipv4: str | None
    ipv6: str | None

    @property
    def namespace(self) -> Namespace:
        """The namespace that stands between the router and the server."""
        return Namespace(self.lab.namespace(f"fw{self.server}"))

    @property
    def port(self) -> str:
        """The name of the router's interface towards this server."""
        return f"s{self.server}"

    @property
    def machine_mac(self) -> str:
        """The hardware address of the machine's `eth0`."""
        return mac(_MACHINE, self.server)

    def create(self, rules: tuple[Rule, ...] | None) -> None:
        """Make the firewall and its link to the router afresh; the machine's end comes later."""
        self.delete()
        core = Namespace(self.lab.namespace("core"))
        self.namespace.create()
        self.namespace.sysctl(router_sysctls())
        self.namespace.nft(ruleset(rules, self.ipv4, self.ipv6))
        core.ip(
            f"link add {self.port} address {mac(_CORE, self.server)} type veth "
            f"peer name net address {mac(_UP, self.server)} netns {self.namespace.name}",
            f"link set {self.port} addrgenmode none",
            f"link set {self.port} up",
            f"address add {CORE_V6}/64 dev {self.port} nodad",
            f"neighbour replace {FIREWALL_V6} lladdr {mac(_UP, self.server)} dev {self.port} "
            "nud permanent",
        )
        self.namespace.ip(
            "link set net addrgenmode none",
            "link set net up",
            f"address add {FIREWALL_V6}/64 dev net nodad",
            f"neighbour replace {GATEWAY_V4} lladdr {mac(_CORE, self.server)} dev net "
            "nud permanent",
            f"neighbour replace {CORE_V6} lladdr {mac(_CORE, self.server)} dev net nud permanent",
            f"route add default via {GATEWAY_V4} dev net onlink",
            f"route add ::/0 via {CORE_V6} dev net",
        )
        if self.ipv4 is not None:
            core.ip(
                f"neighbour replace {self.ipv4} lladdr {mac(_UP, self.server)} dev {self.port} "
                "nud permanent",
                f"route add {self.ipv4}/32 dev {self.port}",
            )
        if self.ipv6 is not None:
            core.ip(f"route add {self.ipv6} via {FIREWALL_V6} dev {self.port}")

    def plug(self, pid: int) -> None:
        """Give the namespace of process `pid` its `eth0`, as at the start of a machine."""
        self.unplug()
        self.namespace.ip(
            f"link add server address {mac(_SERVER, self.server)} type veth "
            f"peer name eth0 address {self.machine_mac} netns {pid}",
            "link set server addrgenmode none",
        )
        self.namespace.sysctl(
            {
                "net.ipv4.conf.server.proxy_arp": 1,
                "net.ipv4.neigh.server.proxy_delay": 0,
            }
        )
        self.namespace.ip("link set server up", f"address add {GATEWAY_V6}/64 dev server nodad")
        if self.ipv4 is not None:
            self.namespace.ip(
                f"neighbour replace {self.ipv4} lladdr {self.machine_mac} dev server nud permanent",
                f"route add {self.ipv4}/32 dev server",
            )
        if self.ipv6 is not None:
            self.namespace.ip(f"route add {self.ipv6} dev server")

    def unplug(self) -> None:
        """Take the machine's `eth0` away, if it is there."""
        with suppress(LabError):
            self.namespace.ip("link delete server")

    def set_rules(self, rules: tuple[Rule, ...] | None) -> None:
        """Replace the rules in one transaction; the connection table stays."""
        self.namespace.nft(ruleset(rules, self.ipv4, self.ipv6))

    def delete(self) -> None:
        """Remove the firewall and both its links; the server's addresses are black holes again."""
        with suppress(LabError):
            Namespace(self.lab.namespace("core")).ip(f"link delete {self.port}")
        self.namespace.delete()
