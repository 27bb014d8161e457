"""Stub."""

from backplane.roles.base import Role

NAME = "routes"
ROLE = Role(
    name=NAME, implied="topology: routed", routed=True, listens=(("management", "udp", 5310),)
)
