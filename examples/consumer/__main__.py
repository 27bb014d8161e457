"""Reads a mesh's plain outputs from its stack, and shows what becomes of the secret ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

VERSION = 1
"""The version of the outputs that this program was written for."""

SECRET = ("console", "guests", "operators", "runner")

mesh = pulumi.StackReference(pulumi.Config().require("mesh"))


def checked(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """The outputs, if they are of the version that this program knows."""
    if told["version"] != VERSION:
        raise pulumi.RunError(
            f"the mesh's outputs are version {told['version']:.0f}, and this program reads version "
            f"{VERSION}: run `pulumi up` of the mesh, or write this program anew"
        )
    return told


def addresses(told: Mapping[str, Any]) -> dict[str, str]:
    """Every node's IPv4 address on management, by name."""
    return {name: node["addresses"]["management"]["ipv4"] for name, node in told["nodes"].items()}


def targets(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Prometheus' target groups: each node's exporter, at its address on monitoring.

    Numbers of another stack are floats in Python, so the port has to be made whole.
    """
    return [
        {
            "targets": [f"{node['addresses']['monitoring']['ipv4']}:{int(opening['port'])}"],
            "labels": {"instance": name, "site": node["site"]},
        }
        for name, node in sorted(told["nodes"].items())
        if not node["retire"]
        for opening in told["plan"]["openings"][name]
        if opening["role"] == "node_exporter"
    ]


def readable(told: Mapping[str, Any]) -> list[str]:
    """The secret outputs of which more than an empty mapping came."""
    return [name for name in SECRET if told.get(name)]


# Read one by one, so that what is plain stays plain: `mesh.outputs` as a whole is a secret.
plain = pulumi.Output.all(
    version=mesh.require_output("version"),
    nodes=mesh.require_output("nodes"),
    plan=mesh.require_output("plan"),
).apply(checked)

pulumi.export("addresses", plain.apply(addresses))
pulumi.export("targets", plain.apply(targets))
# Names alone, which are no secret; empty as long as this program does not know the passphrase.
pulumi.export("readable_secrets", pulumi.Output.unsecret(mesh.outputs.apply(readable)))
