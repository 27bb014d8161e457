"""The lab's internet without its servers: router, stranger, services and runner.

The router knows each address that is in use by a route of its own and drops everything else
without a word. The stranger, the services and the runner each hang on a link of their own, so
that nobody is on-link with a server. The runner is behind the router as a laptop is behind
its own: what it begins passes, what others begin towards it does not.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass

from lab.layout import (
    GATEWAY_V4,
    INTERNET_V4,
    INTERNET_V6,
    RESOLVERS_V4,
    RESOLVERS_V6,
    RUNNER_V4,
    RUNNER_V6,
    SERVICES_V4,
    SERVICES_V6,
    STRANGER_V4,
    STRANGER_V6,
    Lab,
    LabError,
)
from lab.network.namespace import Namespace, mac, router_sysctls
from lab.network.rules import NEIGHBOURS

HOST_LINK = "bp-host"
"""The one interface that the default lab adds to this computer itself."""

_WHOLE = "inet whole"
_ROUTER_V6, _MEMBER_V6 = "fe80::1", "fe80::2"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    part: str
    ipv4: str
    ipv6: str
    number: int
    more: tuple[str, ...] = ()
    """Addresses that it has beside the two it sends from."""

    @property
    def addresses(self) -> tuple[str, ...]:
        return (self.ipv4, self.ipv6, *self.more)


_MEMBERS = (
    _Member(part="internet", ipv4=STRANGER_V4, ipv6=STRANGER_V6, number=3),
    _Member(
        part="services",
        ipv4=SERVICES_V4,
        ipv6=SERVICES_V6,
        number=10,
        more=(*RESOLVERS_V4, *RESOLVERS_V6),
    ),
    _Member(part="runner", ipv4=RUNNER_V4, ipv6=RUNNER_V6, number=2),
)


def _ruleset() -> str:
    """Return the router's own firewall: it says nothing, and lets nobody lie about themselves."""
    spoofed = [
        f'iifname "{member.part}" {family} saddr != {{ {", ".join(addresses)} }} counter drop'
        for member in _MEMBERS
        for family, addresses in _by_family(member.addresses).items()
    ]
    body = "\n\t\t".join(
        [
            "type filter hook forward priority 0; policy accept;",
            *spoofed,
            'oifname "runner" ct state established,related accept',
            'oifname "runner" counter drop',
        ]
    )
    own = [
        f"\tchain {hook} {{\n\t\ttype filter hook {hook} priority 0; policy drop;\n"
        f"\t\t{NEIGHBOURS}\n\t}}\n"
        for hook in ("input", "output")
    ]
    return f"table inet router {{\n{''.join(own)}\tchain forward {{\n\t\t{body}\n\t}}\n}}\n"


def _by_family(addresses: tuple[str, ...]) -> dict[str, list[str]]:
    """Return addresses by nft's name of their family."""
    return {
        family: [one for one in addresses if (":" in one) == (family == "ip6")]
        for family in ("ip", "ip6")
    }


def _home(lab: Lab, member: _Member) -> tuple[Namespace, str]:
    """Return the namespace a member lives in and the name of its interface there."""
    if member.part == "runner" and lab.hosted:
        return Namespace(None), HOST_LINK
    return Namespace(lab.namespace(member.part)), "eth0"


def _join(lab: Lab, core: Namespace, member: _Member) -> None:
    """Hang one member on the router."""
    home, link = _home(lab, member)
    home.create()
    place = os.getpid() if home.name is None else home.name
    core.ip(
        f"link add {member.part} address {mac(0x21, member.number)} type veth "
        f"peer name {link} address {mac(0x22, member.number)} netns {place}",
        f"link set {member.part} addrgenmode none",
        f"link set {member.part} up",
        f"address add {_ROUTER_V6}/64 dev {member.part} nodad",
        *(f"route add {address} dev {member.part}" for address in member.addresses),
    )
    own = _by_family(member.addresses)
    far4, far6 = ("default", "::/0") if home.name else (INTERNET_V4, INTERNET_V6)
    home.ip(
        f"link set {link} addrgenmode none",
        f"link set {link} up",
        *(f"address add {address}/32 dev {link}" for address in own["ip"]),
        *(f"address add {address}/128 dev {link} nodad" for address in own["ip6"]),
        f"address add {_MEMBER_V6}/64 dev {link} nodad",
        f"route add {GATEWAY_V4}/32 dev {link} src {member.ipv4}",
        f"route add {far4} via {GATEWAY_V4} dev {link} src {member.ipv4}",
        f"route add {far6} via {_ROUTER_V6} dev {link} src {member.ipv6}",
    )


def create(lab: Lab) -> None:
    """Make the lab's internet, if it is not there; a half-made one is made afresh."""
    core = Namespace(lab.namespace("core"))
    if whole(lab):
        return
    delete(lab)
    core.create()
    core.sysctl(router_sysctls())
    core.nft(_ruleset())
    core.ip(
        f"address add {GATEWAY_V4}/32 dev lo",
        "route add blackhole default",
        "route add blackhole ::/0 metric 4294967295",
    )
    for member in _MEMBERS:
        _join(lab, core, member)
    # Last, so that its presence means that everything before it is there.
    core.nft(f"table {_WHOLE}")


def whole(lab: Lab) -> bool:
    """Whether the lab's internet is there, with nothing of it missing."""
    core = Namespace(lab.namespace("core"))
    homes = [_home(lab, member) for member in _MEMBERS]
    if not core.exists or not all(home.exists for home, _ in homes):
        return False
    try:
        core.run("nft", "list", "table", *_WHOLE.split())
        for home, link in homes:
            home.run("ip", "link", "show", link)
    except LabError:
        return False
    return True


def delete(lab: Lab) -> None:
    """Remove what `create` made, as far as it is there."""
    if lab.hosted:
        with suppress(LabError):
            Namespace(None).ip(f"link delete {HOST_LINK}")
    for part in ("internet", "services", "runner", "core"):
        if part != "runner" or not lab.hosted:
            Namespace(lab.namespace(part)).delete()
