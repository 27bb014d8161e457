"""The rules about a routed mesh, read from the raw declaration as `backplane.checks` does."""

from collections.abc import Iterator

from backplane.breach import breach
from backplane.links import GATEWAY, MAX_SITE, SLOTS
from backplane.mistakes import Mistake
from backplane.raw import Raw

_GATEWAYS = "sites.*.nodes.*.slot"


def topology(view: Raw) -> Iterator[Mistake]:
    """Gateways: each site has one or two in a routed mesh, and each of them a slot of its own."""
    routed = view.text("topology") == "routed"
    for path, site in view.members("sites"):
        nodes = [(f"{path}.{at}", node) for at, node in site.members("nodes")]
        yield from _slots(nodes)
        if routed:
            yield from _site(path, site, [node for _, node in nodes])


def _slots(nodes: list[tuple[str, Raw]]) -> Iterator[Mistake]:
    taken: dict[int, str] = {}
    for path, node in nodes:
        if GATEWAY not in node.list("roles"):
            if node.has("slot"):
                yield breach(
                    f"{path}.slot",
                    "is set on a node without the role gateway",
                    _GATEWAYS,
                    fix="remove it, or give the node the role gateway",
                )
            continue
        slot = node.number("slot") if node.has("slot") else SLOTS[0]
        if slot is None or slot not in SLOTS:
            continue
        first = taken.setdefault(slot, path)
        if first != path:
            yield breach(
                f"{path}.slot",
                f"{slot} is already the slot of {first}",
                _GATEWAYS,
                fix=f"write slot: {1 - slot}; a third gateway of a site does not work",
            )


def _site(path: str, site: Raw, nodes: list[Raw]) -> Iterator[Mistake]:
    staying = [node for node in nodes if node.switch("retire") is not True]
    if nodes and not any(GATEWAY in node.list("roles") for node in staying):
        yield Mistake(
            path=f"{path}.nodes",
            what="no node has the role gateway",
            rule="in a routed mesh each site has one or two gateways that do not retire",
            fix="write roles: [gateway] at one or two of them, or topology: mesh",
        )
    number = site.number("id")
    if number is not None and number > MAX_SITE:
        yield breach(
            f"{path}.id",
            f"{number} is above {MAX_SITE}, the highest id whose links have addresses",
            "sites.*.id",
            fix=f"give the site a free number from 0 to {MAX_SITE}, or write topology: mesh",
        )
