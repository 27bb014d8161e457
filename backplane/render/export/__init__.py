"""Plain outputs as other programs read them: one renderer for each format.

A renderer sees the contract and nothing else of a stack, so it can tell no secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from backplane import contract
from backplane.contract import Outputs
from backplane.render.export import ansible, cloud, names, prometheus, zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A way to write a stack's plain outputs down.

    Attributes:
        about: what it is, in a few words.
        text: the outputs as one text, with a final newline where there is anything.
        files: the same as several files by name, where one cannot hold it.
    """

    about: str
    text: Callable[[Outputs], str]
    files: Callable[[Outputs], Mapping[str, str]] | None = None


FORMATS: Mapping[str, Format] = {
    "ansible": Format(about="Ansible inventory (YAML), host keys pinned", text=ansible.inventory),
    "file_sd": Format(about="targets for Prometheus' file_sd_configs", text=prometheus.targets),
    "firewall": Format(about="cloud ids of firewalls and servers, by site", text=cloud.ids),
    "hosts": Format(about="lines for a hosts file: nodes and services", text=names.hosts),
    "http_sd": Format(about="targets for Prometheus' http_sd_configs", text=prometheus.targets),
    "json": Format(about="the whole contract as one document", text=contract.text),
    "known_hosts": Format(about="SSH host keys", text=lambda outputs: outputs.known_hosts),
    "plan": Format(
        about="planes, openings and people",
        text=lambda outputs: contract.as_json(outputs.plan.model_dump(mode="json")),
    ),
    "ssh": Format(about="SSH config", text=lambda outputs: outputs.ssh_config),
    "zone": Format(
        about="zone files (RFC 1035), forward and reverse", text=zone.text, files=zone.files
    ),
}
"""Every format by name."""
