"""The sudo role: what people's own accounts may run as root, where somebody may run anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backplane.logins import able
from backplane.render import sudoers
from backplane.roles.base import Parts, Role

if TYPE_CHECKING:
    from backplane.plan import Plan, PlanNode

NAME, FILE = "sudo", "sudoers"


def _parts(plan: Plan, _: PlanNode) -> Parts:
    text = sudoers.sudoers(able(plan.people))
    return Parts(
        secrets={FILE: (text,)},
        checks=(("visudo", "--check", "--quiet", f"--file={{hidden}}/{FILE}"),),
    )


ROLE = Role(name=NAME, implied="operators:", packages=("sudo",), parts=_parts)
