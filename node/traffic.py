"""Traffic classes on this machine's physical interfaces: made, taken away, and looked at.

The role's file `classes.json` says: {"kbit": what the line carries, "classes": [[share in percent,
[UDP ports of WireGuard]], ...]}; the first goes first, and one without ports has all else.
"""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from node.difference import Difference
from node.errors import Refused
from node.generations import Generation
from node.machine import Machine
from node.request import Answer, Request

FILE = "roles/traffic/classes.json"
_OURS, _KERNELS = "5182:", "0:"
# The class that holds all others, beside their numbers (tc-htb(8)).
_LINE = "f"
_BURST = 3200  # bytes: two packets
_TUNNEL = "wg"
_PATIENCE, _STEP = 30.0, 0.5
_FIX = (
    "look at `tc qdisc show` on the machine, or switch the classes off: `traffic: {classes: false}`"
)


def shape(machine: Machine, _: Request) -> Answer:
    """Give the interfaces that lead outside their classes.

    Where classes of ours are already they are changed in place: to change what is at the root costs
    an interface every packet of some milliseconds.

    Returns:
        ``interfaces``: their names.

    Raises:
        Refused: An interface has classes of somebody else, no way leads outside, or the kernel
            cannot do this.
    """
    file = machine.layout.active / FILE
    if not file.exists():
        return {"interfaces": []}
    wanted, names = json.loads(file.read_text(encoding="ascii")), _patiently(machine)
    roots = {name: _root(machine, name) for name in names}
    for name, present in roots.items():
        if present not in {_OURS, _KERNELS}:
            raise Refused(f"{name} has traffic classes of somebody else (root {present})", _FIX)
    for name, present in roots.items():
        root, *lines = batch(wanted, name)
        first = f"filter del dev {name} parent {_OURS}" if present == _OURS else root
        try:
            _batch(machine, [first, *lines])
        except Refused:
            for one in names:
                _clear(machine, one)
            raise
        _fair(machine, name, len(wanted["classes"]))
    return {"interfaces": names}


def batch(wanted: Mapping[str, Any], name: str) -> list[str]:
    """The lines for tc(8) that give an interface its classes; the first makes the root.

    Args:
        wanted: what the role's file says.
        name: the interface.
    """
    line, every = int(wanted["kbit"]), list(enumerate(wanted["classes"], 1))
    rest = next(number for number, (_, ports) in every if not ports)
    lines = [
        f"qdisc add dev {name} root handle {_OURS} htb default {rest}",
        f"class replace dev {name} parent {_OURS} classid {_OURS}{_LINE} {_rate(line, line)}",
    ]
    for number, (share, _) in every:
        own = f"classid {_OURS}{number} {_rate(line * share // 100, line)} prio {number}"
        lines.append(f"class replace dev {name} parent {_OURS}{_LINE} {own}")
    for order, (family, protocol) in enumerate((("ip", "ip"), ("ip6", "ipv6")), 1):
        head = f"filter add dev {name} parent {_OURS} protocol {protocol} prio {order} u32"
        for number, (_, ports) in every:
            for port in ports:
                match = f"match {family} protocol 17 0xff match {family} sport {port} 0xffff"
                lines.append(f"{head} {match} flowid {_OURS}{number}")
    return lines


def _rate(kbit: int, most: int) -> str:
    """Rate and ceiling; bursts of 1 ms of the line, which is finer than a timer need be."""
    burst = max(_BURST, most // 8)
    return f"htb rate {kbit}kbit ceil {most}kbit burst {burst} cburst {burst} quantum 15140"


def unshape(machine: Machine, _: Request) -> Answer:
    """Give the interfaces back to the kernel's own order, unless the active generation has classes.

    So a unit that is only started anew drops nothing.

    Returns:
        ``interfaces``: those that had classes of ours.
    """
    if (machine.layout.active / FILE).exists():
        return {"interfaces": []}
    return {"interfaces": [name for name in _outside(machine) if _clear(machine, name)]}


def differences(machine: Machine, target: Generation) -> Iterator[Difference]:
    """Classes and filters that are not there."""
    file = target.file(FILE)
    if not file.exists():
        return
    lines = batch(json.loads(file.read_text(encoding="ascii")), "")
    declared = _counted(
        sum(line.startswith("class ") for line in lines),
        sum(line.startswith("filter ") for line in lines),
    )
    for name in _outside(machine):
        live = _counted(
            sum(line.startswith("class htb") for line in _shown(machine, "class", name)),
            sum("flowid " in line for line in _shown(machine, "filter", name)),
        )
        if live != declared:
            yield Difference(
                area="traffic",
                what=f"{name}: classes",
                declared=declared,
                live=live,
                mend=partial(shape, machine, {}),
                blocking=False,
            )


def _counted(classes: int, filters: int) -> str:
    return f"{classes} classes, {filters} filters"


def _patiently(machine: Machine) -> list[str]:
    until = machine.clock.seconds() + _PATIENCE
    while not (names := _outside(machine)):
        if machine.clock.seconds() > until:
            raise Refused("no default route says which interface leads outside", _FIX)
        machine.clock.sleep(_STEP)
    return names


def _outside(machine: Machine) -> list[str]:
    """The interfaces of the default routes, sorted."""
    found = set()
    for family in ("-4", "-6"):
        text = machine.commands.must(
            ["ip", "-json", family, "route", "show", "default"],
            why="routes cannot be read",
            fix=_FIX,
        )
        for route in json.loads(text or "[]"):
            hops = [route, *route.get("nexthops", [])]
            found |= {str(hop["dev"]) for hop in hops if hop.get("dev")}
    return sorted(name for name in found - {"lo"} if not name.startswith(_TUNNEL))


def _root(machine: Machine, name: str) -> str:
    """The handle of the queueing discipline at the root."""
    text = machine.commands.must(
        ["tc", "-json", "qdisc", "show", "dev", name], why=f"{name} cannot be read", fix=_FIX
    )
    roots = [one for one in json.loads(text or "[]") if one.get("root")]
    return str(roots[0].get("handle", _KERNELS)) if roots else _KERNELS


def _clear(machine: Machine, name: str) -> bool:
    """Remove our classes, if they are there; with them goes what is waiting in them."""
    if _root(machine, name) != _OURS:
        return False
    machine.commands.must(
        ["tc", "qdisc", "del", "dev", name, "root"], why=f"{name} keeps its classes", fix=_FIX
    )
    return True


def _batch(machine: Machine, lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    machine.commands.must(
        ["tc", "-batch", "-"], stdin=text, why="the kernel refuses traffic classes", fix=_FIX
    )


def _fair(machine: Machine, name: str, count: int) -> None:
    """Let no flow of a class hold up the others of it, where the kernel has the means (fq_codel).

    Without it a class is one plain queue, which is no worse than before.
    """
    lines = [
        f"qdisc replace dev {name} parent {_OURS}{number} fq_codel\n"
        for number in range(1, count + 1)
    ]
    machine.commands.run(["tc", "-batch", "-"], stdin="".join(lines))


def _shown(machine: Machine, kind: str, name: str) -> list[str]:
    text = machine.commands.must(
        ["tc", kind, "show", "dev", name], why=f"{name} cannot be read", fix=_FIX
    )
    return text.splitlines()
