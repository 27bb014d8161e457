"""The gateway role: what FRR is told on a gateway, loaded without a session's end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backplane import planes
from backplane.render.frr import Speaker, frr
from backplane.roles import units
from backplane.roles.base import Parts, Role

if TYPE_CHECKING:
    from backplane.plan import Plan, PlanNode

NAME, FILE, SHELL = "gateway", "frr.conf", "vtysh.conf"
_TOOL = "/usr/local/sbin/backplane-node"


def speaker(plan: Plan, node: PlanNode) -> Speaker:
    """What a gateway's FRR has to know, from the plan's links."""
    raise NotImplementedError(f"{plan.stack}: the plan has no links of {node.name} yet")


def parts(told: Speaker) -> Parts:
    """What the role puts on a gateway."""
    loader = units.service(
        about="Backplane's configuration of FRR",
        start=f"{_TOOL} frr",
        slots=[one.slot for one in planes.PLANES],
        once=True,
        settings=[
            # It waits for the daemons itself.
            "RemainAfterExit=yes",
            "StandardOutput=null",
            "TimeoutStartSec=120",
            "Restart=on-failure",
            "RestartSec=5",
        ],
    )
    return Parts(
        files={FILE: frr(told), SHELL: "service integrated-vtysh-config\n"},
        units={"backplane-frr-config.service": loader},
        checks=(("vtysh", "-C", "--config_dir", "{}"),),
    )


def _parts(plan: Plan, node: PlanNode) -> Parts:
    return parts(speaker(plan, node))


ROLE = Role(name=NAME, parts=_parts)
