"""The names role: every node asks the DNS nodes for the mesh's names, and registers its own there.

Names of nodes stand in each node's hosts file as well, which is asked first: they resolve while no
DNS node lives. Where systemd-resolved runs, it asks the DNS nodes for the zones of the planes, and
whom it asked before for everything else.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from backplane import names, planes
from backplane.roles import dns, units
from backplane.roles.base import Parts, Role

if TYPE_CHECKING:
    from backplane.plan import Plan, PlanNode

NAME = "names"
CONFIG, KEY = "names.json", "tsig"
_SLOT = planes.MANAGEMENT.slot
_TOOL = "/usr/local/sbin/backplane-node"
_REGISTER = "backplane-register"
# Nothing else can split names between the planes and the outside without a say in the latter; and
# it must be whom programs ask, which in Debian 12's cloud images it is not.
_NEEDED = (
    "systemctl is-active --quiet systemd-resolved.service && "
    "{ grep -q '^hosts:.*resolve' /etc/nsswitch.conf || "
    "grep -qx 'nameserver 127.0.0.53' /etc/resolv.conf; } || "
    "{ echo 'programs of this machine do not ask systemd-resolved for names, and dns.resolve: "
    "everything needs it: see docs/runbooks/names.md' >&2; exit 1; }"
)


def config(plan: Plan, node: PlanNode) -> str:
    """What the node tool needs: names.json, as `node.names` says."""
    own = node.addresses[_SLOT]
    document = {
        "servers": [one.v4 for one in names.servers(plan, node)],
        "updates": dns.UPDATES,
        "zones": names.zones(plan),
        "reverse": names.reverse_zones(plan),
        "everything": plan.dns.resolve == "everything",
        "name": names.registered(node.name),
        "addresses": {"A": own.v4, "AAAA": own.v6},
        "ttl": names.TTL,
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _parts(plan: Plan, node: PlanNode) -> Parts:
    ask = units.service(
        about="Backplane's names: whom this node asks for them, and its own",
        start=f"{_TOOL} names",
        slots=[_SLOT],
        once=True,
        part_of=_SLOT,
        settings=[
            "RemainAfterExit=yes",
            "StandardOutput=null",
            f"ExecStop={_TOOL} nameless",
            # The interface goes with this, and must not wait for a DNS node that is dead.
            "TimeoutStopSec=2",
        ],
    )
    register = units.service(
        about="Backplane's registration of this node's name",
        start=f"{_TOOL} register",
        slots=[_SLOT],
        once=True,
        settings=["StandardOutput=null"],
    )
    every = {"OnBootSec": "20s", "OnUnitActiveSec": f"{names.TTL}s", "RandomizedDelaySec": "20s"}
    return Parts(
        files={CONFIG: config(plan, node)},
        secrets={KEY: (f"hmac-sha256:{dns.key(node).owner}.:", dns.key(node), "\n")},
        units={
            "backplane-names.service": ask,
            f"{_REGISTER}.service": register,
            f"{_REGISTER}.timer": units.timer(
                about="Backplane's registration of this node's name, again and again",
                settings=every,
            ),
        },
        checks=(("sh", "-c", _NEEDED),) if plan.dns.resolve == "everything" else (),
    )


ROLE = Role(
    name=NAME,
    everywhere=True,
    behind=dns.NAME,
    packages=("knot-dnsutils",),
    parts=_parts,
)
