"""Stub."""

from backplane.roles.base import Role

NAME = "bgp"
ROLE = Role(name=NAME, implied="the role gateway", routed=True)
