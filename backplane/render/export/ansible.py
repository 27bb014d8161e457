"""An Ansible inventory: every node over management, its host key pinned, grouped."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from backplane.roles import documents

if TYPE_CHECKING:
    from backplane.contract import Outputs
    from backplane.contract_parts import Node


def inventory(outputs: Outputs) -> str:
    """YAML as Ansible's own inventory plugin reads it, a file that ends in `.yml`.

    Groups are `site_SITE` and `role_ROLE`, with `_` for each `-`, and `state_offline` where some
    node is declared to be down. Retired nodes, which nobody reaches, are left out.
    """
    alive = {name: node for name, node in outputs.nodes.items() if not node.retire}
    groups: dict[str, dict[str, Any]] = {}
    for name, node in alive.items():
        for group in _groups(node):
            groups.setdefault(group.replace("-", "_"), {"hosts": {}})["hosts"][name] = {}
    return documents.text(
        {"all": {"hosts": {n: _variables(n, node) for n, node in alive.items()}} | _below(groups)}
    )


def _below(groups: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {"children": groups} if groups else {}


def _groups(node: Node) -> list[str]:
    away = ["state_offline"] if node.offline else []
    return [f"site_{node.site}", *(f"role_{role}" for role in node.roles), *away]


def _variables(name: str, node: Node) -> dict[str, Any]:
    return {
        "ansible_host": node.addresses["management"].ipv4,
        "ansible_ssh_common_args": pinned(name, node.host_key),
        "ansible_user": "root",
        "backplane_addresses": {
            slot: {"ipv4": at.ipv4, "ipv6": at.ipv6} for slot, at in node.addresses.items()
        },
    }


def pinned(name: str, host_key: str) -> str:
    """Arguments of ssh (OpenSSH 8.5 and later) with which it believes this one host key alone.

    No file is needed: KnownHostsCommand (ssh_config(5)) says what a line of known_hosts would.
    """
    options = [
        "StrictHostKeyChecking=yes",
        f"HostKeyAlias={name}",
        "UserKnownHostsFile=/dev/null",
        "GlobalKnownHostsFile=/dev/null",
        f"KnownHostsCommand=/bin/echo {shlex.quote(name)} {host_key}",
    ]
    return " ".join(f"-o {shlex.quote(option)}" for option in options)
