"""What the roles of a node bring to its generation: files, units, and what the node must know."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from backplane.plan import Plan, PlanNode
from backplane.roles import Role
from backplane.roles.base import Piece

UNITS, ROLES, SECRETS = "units", "roles", "secrets"
"""Where a generation has the units of all roles, and the files and secrets of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The roles of one node.

    Attributes:
        files: text by path inside the generation; every daemon may read them, so none is secret.
        secrets: pieces by path inside the generation, which root alone reads.
        document: by role: `packages` and `shut` (Debian's names), `archive`, `ahead` (text by
            path), `units`, and `checks`, in whose arguments `{}` and `{hidden}` stand for the
            directories of its files and its secrets.
    """

    files: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, tuple[Piece, ...]] = field(default_factory=dict)
    document: dict[str, dict[str, Any]] = field(default_factory=dict)


def services(plan: Plan, node: PlanNode, roles: Iterable[Role]) -> Services:
    """What the roles that run something bring."""
    made = Services()
    for role in roles:
        if role.parts is None:
            continue
        parts = role.parts(plan, node)
        made.files.update({f"{ROLES}/{role.name}/{at}": text for at, text in parts.files.items()})
        made.secrets.update(
            {f"{SECRETS}/{role.name}/{at}": told for at, told in parts.secrets.items()}
        )
        made.files.update({f"{UNITS}/{name}": text for name, text in parts.units.items()})
        made.document[role.name] = {
            "packages": sorted(role.packages),
            "archive": asdict(parts.archive) if parts.archive else None,
            "shut": sorted(role.shut),
            "ahead": dict(role.ahead),
            "units": sorted(parts.units),
            "checks": [list(command) for command in parts.checks],
        }
    return made
