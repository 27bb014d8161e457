"""Stub."""

from backplane.roles.base import Role

NAME = "gateway"
ROLE = Role(name=NAME, routed=True)
