"""What a gateway's kernel is told: rules that hand over, routes of ours, and copies. Thin.

The table of ours leads to the site's nodes through the sibling. Packets that came by a link towards
a site that the sibling owns look there first (ip-rule(8)); so do copies, which nft sends out of
the sibling's interface whatever other routes say.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from node import wireguard
from node.errors import Refused
from node.machine import Machine
from node.owners import Duty
from node.routed import Pair, Routes

PROTOCOL = "152"
"""Of our rules and routes: those of others are never touched."""

_BGP = "186"
TABLE, PRIORITY = "51830", "5183"
NFT = "backplane-routes"
# Metrics; zebra's own is 20. It takes the first octet of a foreign route's for the distance, and a
# route with none for a better one than BGP's, which is 20 too.
_NEAR, _BACKUP, BOOTSTRAP = 1024, (200 << 24) + 2000, (250 << 24) + 4096
_FIX = "look at `ip rule`, `ip route show table all` and `nft list ruleset` on the machine"
_FAMILIES = ("-4", "-6")
_ASK = (
    "rule show",
    f"route show table all proto {PROTOCOL}",
    f"route show table main proto {_BGP}",
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Route:
    """One route of ours, in the words of ip(8)."""

    prefix: str
    device: str
    metric: int
    source: str
    table: str

    def words(self) -> str:
        """Behind `ip route replace` or `del`."""
        source = f" src {self.source}" if self.source else ""
        return (
            f"{self.prefix} dev {self.device} proto {PROTOCOL} metric {self.metric}"
            f"{source} table {self.table}"
        )


Rule = tuple[str, str]
"""``iif`` or ``oif``, and the interface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Rules and routes, wanted or live, of one family.

    Attributes:
        rules: Of ours.
        routes: Of ours.
        learned: Prefixes that BGP brought.
    """

    rules: frozenset[Rule] = frozenset()
    routes: frozenset[Route] = frozenset()
    learned: frozenset[str] = frozenset()


def wanted(routes: Routes, duties: Mapping[int, Duty], backed: Collection[int]) -> dict[str, Paths]:
    """Rules and routes by family.

    Args:
        routes: The gateway's document.
        duties: By remote site.
        backed: Remote sites that the sibling reaches by itself.
    """
    return {
        family: Paths(
            rules=frozenset(_rules(routes, duties)),
            routes=frozenset(_routes(routes, backed, second=family == "-6")),
        )
        for family in _FAMILIES
    }


def _rules(routes: Routes, duties: Mapping[int, Duty]) -> Iterator[Rule]:
    if routes.sibling is None:
        return
    yield "oif", routes.sibling
    for site, duty in duties.items():
        if duty.hands_over:
            yield from (("iif", link) for link in routes.sites[site].links)


def _routes(routes: Routes, backed: Collection[int], *, second: bool) -> Iterator[Route]:
    for plane in routes.planes.values():
        own, near = plane.own.both()[second], plane.near.both()[second]
        if routes.sibling is not None:
            yield _route(near, routes.sibling, _NEAR, "", TABLE)
        for site, far in plane.far.items():
            prefix, via = far.both()[second], routes.sites[site].via
            if routes.sibling is not None and site in backed:
                yield _route(prefix, routes.sibling, _BACKUP, own, "main")
            if via is not None:
                yield _route(prefix, via, BOOTSTRAP, own, "main")


def _route(prefix: str, device: str, metric: int, source: str, table: str) -> Route:
    return Route(
        prefix=wireguard.prefix(prefix),
        device=device,
        metric=metric,
        source=wireguard.prefix(source).partition("/")[0] if source else "",
        table=table,
    )


def read(machine: Machine) -> dict[str, Paths]:
    """What is live, by family; one program for each."""
    return {family: _read(machine, family) for family in _FAMILIES}


def _read(machine: Machine, family: str) -> Paths:
    text = machine.commands.must(
        ["ip", family, "-json", "-batch", "-"],
        stdin="".join(f"{line}\n" for line in _ASK),
        why="rules and routes cannot be read",
        fix=_FIX,
        timeout=5,
    )
    try:
        rules, own, learned = _documents(text)
    except ValueError as error:
        raise Refused(f"`ip -json -batch` has another format than known: {error}", _FIX) from error
    return Paths(
        rules=frozenset(
            (kind, rule[kind])
            for rule in rules
            for kind in ("iif", "oif")
            if kind in rule and str(rule["priority"]) == PRIORITY
        ),
        routes=frozenset(
            Route(
                prefix=_prefix(route, family),
                device=route.get("dev", ""),
                metric=int(route.get("metric", 0)),
                source=route.get("prefsrc", ""),
                table=str(route.get("table", "main")),
            )
            for route in own
        ),
        learned=frozenset(_prefix(route, family) for route in learned),
    )


def _documents(text: str) -> Iterator[list[dict[str, Any]]]:
    """One list for each line asked; nothing is printed where nothing is found, by some versions."""
    decoder = json.JSONDecoder()
    at, found = 0, []
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        told, at = decoder.raw_decode(text, at)
        found.append([one for one in told if one])
    if len(found) != len(_ASK):
        raise ValueError(f"{len(found)} answers to {len(_ASK)} questions")
    return iter(found)


def _prefix(route: Mapping[str, Any], family: str) -> str:
    told = str(route["dst"])
    if told == "default":
        return "::/0" if family == "-6" else "0.0.0.0/0"
    return wireguard.prefix(told)


def changes(live: Paths, want: Paths) -> list[str]:
    """Lines for `ip -batch`: first what is added, so that a packet always finds its way."""
    routes = sorted(want.routes - live.routes), sorted(live.routes - want.routes)
    rules = sorted(want.rules - live.rules), sorted(live.rules - want.rules)
    # `replace` goes by prefix, metric and table: what differs in the rest is gone by it.
    taken = {(one.prefix, one.metric, one.table) for one in want.routes}
    gone = [one for one in routes[1] if (one.prefix, one.metric, one.table) not in taken]
    own = f"table {TABLE} priority {PRIORITY} protocol {PROTOCOL}"
    return [
        *(f"route replace {one.words()}" for one in routes[0]),
        *(f"rule add {kind} {name} {own}" for kind, name in rules[0]),
        *(f"rule del {kind} {name} priority {PRIORITY}" for kind, name in rules[1]),
        *(f"route del {one.words()}" for one in gone),
    ]


def apply(machine: Machine, live: Mapping[str, Paths], want: Mapping[str, Paths]) -> list[str]:
    """Make the rules and routes those wanted; what the kernel did not take, in its words."""
    said = []
    for family in _FAMILIES:
        if lines := changes(live[family], want[family]):
            done = machine.commands.run(
                ["ip", family, "-force", "-batch", "-"],
                stdin="".join(f"{line}\n" for line in lines),
                timeout=5,
            )
            said += done.err.splitlines() if done.code else []
    return said


def reached(routes: Routes, live: Mapping[str, Paths]) -> set[int]:
    """Remote sites that BGP brought every route to: each plane's, over IPv4 and IPv6."""
    learned = live["-4"].learned | live["-6"].learned
    return {
        site
        for site in routes.sites
        if all(
            wireguard.prefix(network) in learned
            for plane in routes.planes.values()
            for network in plane.far[site].both()
        )
    }


def copies(routes: Routes, sites: Collection[int]) -> str:
    """Ruleset that copies what comes from some sites, for the site's nodes, to the sibling.

    It is loaded whole. Behind the firewall's own chain: what is not let through is not copied.
    """
    text = no_copies()
    links = sorted(link for site in sites for link in routes.sites[site].links)
    if not links or routes.sibling is None:
        return text
    names = ", ".join(f'"{link}"' for link in links)
    for second, family in enumerate(("ip", "ip6")):
        lines = "".join(
            f"\t\tiifname {{ {names} }} {family} daddr {prefix} "
            f'dup to {_inside(prefix)} device "{routes.sibling}"\n'
            for prefix in (_near(plane.near, second) for plane in routes.planes.values())
        )
        head = "\t\ttype filter hook forward priority 10; policy accept;\n"
        text += f"table {family} {NFT} {{\n\tchain copies {{\n{head}{lines}\t}}\n}}\n"
    return text


def no_copies() -> str:
    """Ruleset that takes away what :func:`copies` made, if it is there."""
    return "".join(f"table {f} {NFT}\ndelete table {f} {NFT}\n" for f in ("ip", "ip6"))


def load(machine: Machine, ruleset: str) -> None:
    """Have nft take a ruleset in one step."""
    machine.commands.must(
        ["nft", "--file", "-"],
        stdin=ruleset,
        why="copies for the sibling cannot be switched",
        fix=_FIX,
        timeout=5,
    )


def _near(near: Pair, second: int) -> str:
    return wireguard.prefix(near.both()[second])


def _inside(prefix: str) -> str:
    """Some address of a prefix: where a copy goes is said by its interface alone."""
    network, _, _ = prefix.partition("/")
    return f"{network}1" if ":" in network else f"{network.rpartition('.')[0]}.1"
