"""What a node of a routed mesh knows of its routes: `routes.json` of the active generation. Pure.

{"site": 1, "slot": 0, 1 or null, "name", "port", "gateways": [{"slot", "name", "v4"}], "nodes":
[addresses], "sibling": {"interface"} or null, "sites": {"2": {"name", "owner", "links", "ends":
{"wgl2-0": {"v4", "v6"}}, "via", "targets": {"wg0": {"v4": [], "v6": []}}}}, "planes": {"wg0":
{"v4", "v6", "near": {"v4", "v6"}, "far": {"2": {"v4", "v6"}}}}}.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.errors import Refused
from node.machine import Machine

FILE = "roles/routes/routes.json"
MANAGEMENT = "wg1"
"""The interface of the plane that gateways speak on."""

_FIX = "run `pulumi up` again, so that the file is rendered and pushed anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The same in both families: addresses or prefixes."""

    v4: str
    v6: str

    def both(self) -> tuple[str, str]:
        """IPv4 first."""
        return self.v4, self.v6

    def of(self, family: str) -> str:
        """That of one family, ``v4`` or ``v6``."""
        return self.v6 if family == "v6" else self.v4


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Another site.

    Attributes:
        name: For people.
        owner: The slot of the gateway that owns it unless something happened.
        links: This gateway's interfaces towards it; none on a leaf.
        ends: Its own addresses on each of them.
        via: The one of them that leads there before BGP has said anything.
        targets: By plane's interface and family, addresses of its gateways, in the order of links.
    """

    name: str
    owner: int
    links: tuple[str, ...]
    ends: Mapping[str, Pair]
    via: str | None
    targets: Mapping[str, Mapping[str, tuple[str, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """One plane: the node's own addresses, its site's subnets, and those of each remote site."""

    own: Pair
    near: Pair
    far: Mapping[int, Pair]


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """The whole document.

    Attributes:
        site: The node's own.
        slot: Its own as a gateway; None on a leaf.
        port: UDP port of heartbeats.
        gateways: Slot by management address, for those of the own site.
        names: Name by slot of the same.
        others: Management addresses of all other nodes of the site.
        sibling: The interface towards the site's other gateway, if it has one.
        sites: Remote sites by id.
        planes: By interface.
    """

    site: int
    slot: int | None
    port: int
    gateways: Mapping[str, int]
    names: Mapping[int, str]
    others: tuple[str, ...]
    sibling: str | None
    sites: Mapping[int, Remote]
    planes: Mapping[str, Plane]

    @property
    def address(self) -> str:
        """The node's own on the management plane."""
        return self.planes[MANAGEMENT].own.v4

    @property
    def defaults(self) -> dict[int, int]:
        """Slot of the owner of each remote site unless something happened."""
        return {site: remote.owner for site, remote in self.sites.items()}

    @property
    def other(self) -> int | None:
        """The slot of this gateway's sibling, if it is a gateway and has one."""
        if self.slot is None:
            return None
        return next((slot for slot in self.names if slot != self.slot), None)

    def link_site(self) -> dict[str, int]:
        """Remote site by interface towards it."""
        return {link: site for site, remote in self.sites.items() for link in remote.links}


def read(machine: Machine, *, confirmed: bool = False) -> Routes | None:
    """The active generation's, or the confirmed one's; None where the mesh is not routed.

    Raises:
        Refused: It is malformed.
    """
    return within(machine.layout.confirmed if confirmed else machine.layout.active)


def within(generation: Path) -> Routes | None:
    """That of the generation in a directory; None where the mesh is not routed.

    Raises:
        Refused: It is malformed.
    """
    try:
        text = (generation / FILE).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    return parse(text)


def parse(text: str) -> Routes:
    """Read a document.

    Raises:
        Refused: It is malformed.
    """
    try:
        return _routes(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"routes.json: {error!r}", _FIX) from error


def _routes(told: Mapping[str, Any]) -> Routes:
    planes = {name: _plane(one) for name, one in told["planes"].items()}
    own = planes[MANAGEMENT].own.v4
    return Routes(
        site=int(told["site"]),
        slot=None if told["slot"] is None else int(told["slot"]),
        port=int(told["port"]),
        gateways={str(one["v4"]): int(one["slot"]) for one in told["gateways"]},
        names={int(one["slot"]): str(one["name"]) for one in told["gateways"]},
        others=tuple(str(address) for address in told["nodes"] if address != own),
        sibling=told["sibling"]["interface"] if told["sibling"] else None,
        sites={int(site): _remote(one) for site, one in told["sites"].items()},
        planes=planes,
    )


def _pair(told: Mapping[str, str]) -> Pair:
    return Pair(v4=str(told["v4"]), v6=str(told["v6"]))


def _plane(told: Mapping[str, Any]) -> Plane:
    return Plane(
        own=_pair(told),
        near=_pair(told["near"]),
        far={int(site): _pair(one) for site, one in told["far"].items()},
    )


def _remote(told: Mapping[str, Any]) -> Remote:
    targets = told.get("targets") or {}
    return Remote(
        name=str(told["name"]),
        owner=int(told["owner"]),
        links=tuple(told["links"] or ()),
        ends={link: _pair(one) for link, one in (told.get("ends") or {}).items()},
        via=told["via"],
        targets={
            plane: {family: tuple(every) for family, every in families.items()}
            for plane, families in targets.items()
        },
    )
