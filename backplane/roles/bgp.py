"""The bgp role: FRR's daemons on a gateway, which stay as they are when the mesh changes.

Their configuration is the gateway role's. A daemon that is started anew by itself reads again what
was loaded last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backplane import planes
from backplane.roles import units
from backplane.roles.base import Parts, Role

if TYPE_CHECKING:
    from backplane.plan import Plan, PlanNode

NAME = "bgp"
RUN = "/run/frr"
"""Where the daemons' sockets and what they are to read are: FRR's own place, for `vtysh`'s sake."""

_DAEMONS = {
    "zebra": ("which puts routes into the kernel", ()),
    "bfdd": ("BFD", ("zebra",)),
    "bgpd": ("BGP", ("zebra", "bfdd")),
}
"""What each is, and behind whom it starts: bgpd tells bfdd by way of zebra whom to watch."""


def unit(daemon: str) -> str:
    """The name of a daemon's unit."""
    return f"backplane-{daemon}.service"


def _service(daemon: str) -> str:
    about, others = _DAEMONS[daemon]
    words = [
        f"/usr/lib/frr/{daemon}",
        "-d",
        # No shell over TCP.
        "-P 0",
        "--log syslog",
        "--log-level informational",
    ]
    return units.service(
        about=f"Backplane's FRR: {daemon}, {about}",
        start=" ".join(words),
        slots=[slot.slot for slot in planes.PLANES],
        behind=[unit(one) for one in others],
        # Behind a new zebra bfdd watches nobody, and bgpd goes on believing it (seen in 8.4.4).
        needs=unit("zebra") if others else None,
        settings=[
            "Type=forking",
            f"PIDFile={RUN}/{daemon}.pid",
            # The daemons share the directory, and each lets go of root by itself. It is no
            # RuntimeDirectory=: those are root's again whenever a unit starts.
            f"ExecStartPre=+/usr/bin/install -d -o frr -g frr -m 0750 {RUN}",
            f"ReadWritePaths=-{RUN}",
            # At boot nothing has been loaded yet.
            f"ExecStartPost=-/usr/bin/vtysh --config_dir {RUN} -b -d {daemon}",
            "PrivateTmp=yes",
        ],
    )


def _parts(_: Plan, __: PlanNode) -> Parts:
    return Parts(units={unit(daemon): _service(daemon) for daemon in _DAEMONS})


ROLE = Role(
    name=NAME,
    routed=True,
    implied="the role gateway",
    packages=("frr", "frr-pythontools"),
    shut=("frr.service",),
    parts=_parts,
)
