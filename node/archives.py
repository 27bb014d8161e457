"""Package archives beside Debian's: none is asked before the key that signs it is known to be it.

An archive's key comes from the archive itself, so it is worth what its fingerprint is worth, which
the bundle brings. Of all that is offered as a key, only the certificate with that fingerprint goes
into the keyring, and the keyring holds for that archive alone (sources.list(5), Signed-By).
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from node import openpgp
from node.errors import Refused
from node.machine import Machine

FIELDS = {
    "uri": re.compile(r"https://[a-z0-9.-]{1,100}(/[a-z0-9./-]{0,100})?"),
    "suite": re.compile(r"[a-z0-9-]{1,40}"),
    "component": re.compile(r"[a-z0-9-]{1,40}"),
    "key": re.compile(r"https://[a-z0-9.-]{1,100}/[a-z0-9./-]{1,100}"),
    "fingerprint": re.compile(r"[0-9A-F]{40}"),
}
"""What an archive is told by, and what each part may look like."""

_KEYRING = "/etc/apt/keyrings/backplane-{role}.gpg"
_HELPER = "/usr/lib/apt/apt-helper"
_LONGEST, _SECONDS = 1 << 20, 120.0


def lacking(machine: Machine, archives: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The roles whose archive is not known to apt as it is declared."""
    return sorted(role for role, one in archives.items() if not _known(machine, role, one))


def add(machine: Machine, archives: Mapping[str, Mapping[str, str]], roles: Iterable[str]) -> None:
    """Let apt see the archives of some roles, each with its own key.

    Args:
        machine: The machine.
        archives: By role, as `FIELDS` has them.
        roles: Which of them.

    Raises:
        Refused: A key cannot be had, or is another one than the bundle names.
    """
    for role in roles:
        one = archives[role]
        own = openpgp.certificate(_fetched(machine, one["key"]), one["fingerprint"])
        if not own:
            raise Refused(
                f"{one['key']} has no key with the fingerprint {one['fingerprint']}",
                "see what the archive's owner says of its key; if it is a new one, "
                "declare its fingerprint",
            )
        for path, data in (
            (_keyring(machine, role), own),
            (_sources(machine, role), entry(role, one)),
        ):
            machine.disk.ensure_directory(path.parent, 0o755)
            machine.disk.replace(path, data, 0o644)


def remove(machine: Machine, roles: Iterable[str]) -> None:
    """Take back what `add` did: nothing could be had from there."""
    for role in roles:
        machine.disk.remove(_sources(machine, role))
        machine.disk.remove(_keyring(machine, role))


def _fetched(machine: Machine, url: str) -> bytes:
    """What is at a URL, by apt's own means: its proxies, its certificates."""
    path = machine.layout.at("/run/backplane/archive.key")
    machine.disk.ensure_directory(path.parent, 0o755)
    try:
        machine.commands.must(
            [_HELPER, "download-file", url, str(path)],
            why=f"{url} cannot be had",
            fix="see that the machine reaches it, then try again",
            timeout=_SECONDS,
        )
        with path.open("rb") as file:
            return file.read(_LONGEST)
    finally:
        machine.disk.remove(path)


def entry(role: str, one: Mapping[str, str]) -> bytes:
    """What apt's sources say of a role's archive (sources.list(5), deb822)."""
    lines = [
        "Types: deb",
        f"URIs: {one['uri']}",
        f"Suites: {one['suite']}",
        f"Components: {one['component']}",
        f"Signed-By: {_KEYRING.format(role=role)}",
        # Another fingerprint is another entry: its key is fetched.
        f"# {one['fingerprint']}",
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def _known(machine: Machine, role: str, one: Mapping[str, str]) -> bool:
    keyring, sources = _keyring(machine, role), _sources(machine, role)
    return keyring.exists() and sources.exists() and sources.read_bytes() == entry(role, one)


def _keyring(machine: Machine, role: str) -> Path:
    return machine.layout.at(_KEYRING.format(role=role))


def _sources(machine: Machine, role: str) -> Path:
    return machine.layout.at(f"/etc/apt/sources.list.d/backplane-{role}.sources")
