"""The traffic role: management goes before monitoring, and both before storage, out of each node.

The classes are of the physical interface (HTB), told apart by WireGuard's own ports outside. Each
may take the whole line while nobody else wants it; where they meet, the first goes first, and each
keeps its share, so that none starves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backplane import planes
from backplane.roles import units
from backplane.roles.base import Parts, Role

if TYPE_CHECKING:
    from backplane.plan import Plan, PlanNode

NAME, FILE = "traffic", "classes.tc"
HANDLE = "5182:"
"""Of our queueing discipline; the kernel's own, which may be replaced, has the handle 0:."""

UNLIMITED = 40_000
"""Mbit/s that are taken for the line's where none are declared: more than any cloud server has."""

_TOOL = "/usr/local/sbin/backplane-node"
_HEADROOM = 0.95
# What waits must wait here, where there are classes, and not at a limit further out.
_CLASSES = (
    (1, (planes.ENROLLMENT, planes.MANAGEMENT), 50),
    (2, (planes.MONITORING,), 20),
    (3, (), 20),
    (4, (planes.STORAGE,), 10),
)
"""Class, its planes and its share of the line in percent; the first goes first. 3 has all else."""

_REST = 3


def batch(plan: Plan, node: PlanNode) -> str:
    """The lines for tc(8), with `{}` in the interface's place."""
    mbit = (node.uplink or UNLIMITED) * (_HEADROOM if node.uplink else 1)
    used = {one.slot for one in plan.planes}
    lines = [
        f"qdisc add dev {{}} root handle {HANDLE} htb default {_REST}",
        f"class replace dev {{}} parent {HANDLE} classid {HANDLE}f {_rate(mbit, mbit)}",
    ]
    for number, _, share in _CLASSES:
        own = f"classid {HANDLE}{number} {_rate(mbit * share / 100, mbit)} prio {number}"
        lines.append(f"class replace dev {{}} parent {HANDLE}f {own}")
    for family, protocol in (("ip", "ip"), ("ip6", "ipv6")):
        for number, of, _ in _CLASSES:
            for plane in of:
                if plane.slot in used:
                    match = (
                        f"match {family} protocol 17 0xff match {family} sport {plane.port} 0xffff"
                    )
                    order = 1 if family == "ip" else 2
                    lines.append(
                        f"filter add dev {{}} parent {HANDLE} protocol {protocol} prio {order} "
                        f"u32 {match} flowid {HANDLE}{number}"
                    )
    return "".join(f"{line}\n" for line in lines)


def _rate(mbit: float, most: float) -> str:
    """Rate and ceiling; bursts of 1 ms of the line, which is finer than a timer need be."""
    burst = max(3200, round(most * 125))
    return (
        f"htb rate {round(mbit * 1000)}kbit ceil {round(most * 1000)}kbit "
        f"burst {burst} cburst {burst} quantum 15140"
    )


def _parts(plan: Plan, node: PlanNode) -> Parts:
    if not plan.traffic:
        return Parts()
    unit = units.service(
        about="Backplane's traffic classes: management before monitoring before storage",
        start=f"{_TOOL} shape",
        # The physical interface is up when the first tunnel is.
        slots=[planes.ENROLLMENT.slot],
        once=True,
        settings=["RemainAfterExit=yes", "StandardOutput=null", f"ExecStop={_TOOL} unshape"],
    )
    return Parts(files={FILE: batch(plan, node)}, units={"backplane-traffic.service": unit})


ROLE = Role(name=NAME, everywhere=True, parts=_parts)
