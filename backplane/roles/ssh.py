"""The ssh role: the way in, on enrollment and management of every node."""

from backplane import planes
from backplane.roles.base import Role

ROLE = Role(
    name="ssh",
    everywhere=True,
    listens=(
        (planes.ENROLLMENT.slot, "tcp", 22),
        (planes.MANAGEMENT.slot, "tcp", 22),
    ),
)
