"""Package archives beside Debian's: none is asked before the key that signs it is known to be it.

An archive's key comes from the archive itself, so it is worth what its fingerprint is worth, which
the bundle brings. Of all that is offered as a key, only the certificate with that fingerprint goes
into the keyring, and the keyring holds for that archive alone (sources.list(5), Signed-By). What
apt is given was tried before, so that no entry ever keeps a later install from going.
"""

import re
from collections.abc import Mapping
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

FETCHED, TRIED = "/run/backplane/fetched", "/run/backplane/archive"
"""Where apt's own user may write, and where an archive lies that is not known to be one yet."""

_KEYRING = "/etc/apt/keyrings/backplane-{role}.gpg"
_HELPER = "/usr/lib/apt/apt-helper"
_LARGEST = 1 << 20
_FIX = "see that the machine reaches it, then try again"


def ensure(machine: Machine, archives: Mapping[str, Mapping[str, str]], *, seconds: float) -> None:
    """Let apt see the archives of some roles, each with its own key.

    Args:
        machine: The machine.
        archives: By role, as `FIELDS` has them.
        seconds: How long that may take.

    Raises:
        Refused: A key or an archive cannot be had, or is signed with another one than the bundle
            names. What apt knew before stays as it was.
    """
    wanted = sorted(role for role, one in archives.items() if not _known(machine, role, one))
    until = machine.clock.seconds() + seconds
    for role in wanted:
        one = archives[role]
        own = openpgp.certificate(_fetched(machine, one["key"], until), one["fingerprint"])
        if not own:
            raise Refused(
                f"{one['key']} has no key with the fingerprint {one['fingerprint']}",
                "see what the archive's owner says of its key; if it is a new one, "
                "declare its fingerprint",
            )
        _try(machine, one, own, until)
        keyring, sources = _keyring(machine, role), _sources(machine, role)
        for path, data in ((keyring, own), (sources, entry(one, _KEYRING.format(role=role)))):
            machine.disk.ensure_directory(path.parent, 0o755)
            machine.disk.replace(path, data, 0o644)


def entry(one: Mapping[str, str], keyring: str) -> bytes:
    """What apt's sources say of an archive (sources.list(5), deb822)."""
    lines = [
        "Types: deb",
        f"URIs: {one['uri']}",
        f"Suites: {one['suite']}",
        f"Components: {one['component']}",
        f"Signed-By: {keyring}",
        # Another fingerprint is another entry: its key is fetched.
        f"# {one['fingerprint']}",
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def update(sources: str) -> list[str]:
    """The command that reads the lists of one archive, and fails if it cannot.

    Without the error mode apt goes on with lists that it had before.
    """
    options = (
        f"Dir::Etc::sourcelist={sources}",
        "Dir::Etc::sourceparts=-",
        "APT::Get::List-Cleanup=0",
        "APT::Update::Error-Mode=any",
    )
    return ["apt-get", "-q", "update", *(word for one in options for word in ("-o", one))]


def _try(machine: Machine, one: Mapping[str, str], own: bytes, until: float) -> None:
    folder = machine.layout.at(TRIED)
    machine.disk.ensure_directory(folder, 0o755)
    keyring, sources = folder / "it.gpg", folder / "it.sources"
    machine.disk.replace(keyring, own, 0o644)
    machine.disk.replace(sources, entry(one, str(keyring)), 0o644)
    try:
        machine.commands.must(
            update(str(sources)),
            why=f"apt does not take {one['uri']}",
            fix=_FIX,
            timeout=_left(machine, until),
        )
    finally:
        machine.disk.remove(keyring)
        machine.disk.remove(sources)


def _fetched(machine: Machine, url: str, until: float) -> bytes:
    """What is at a URL, by apt's own means: its proxies, its certificates, its user."""
    folder = machine.layout.at(FETCHED)
    machine.disk.ensure_directory(folder.parent, 0o755)
    path = folder / "key"
    for argv in (
        ["install", "--directory", "--owner=_apt", "--mode=0755", str(folder)],
        [_HELPER, "download-file", url, str(path)],
    ):
        seconds = _left(machine, until)
        machine.commands.must(argv, why=f"{url} cannot be had", fix=_FIX, timeout=seconds)
    with path.open("rb") as file:
        data = file.read(_LARGEST)
    machine.disk.remove(path)
    return data


def _left(machine: Machine, until: float) -> float:
    return max(1.0, until - machine.clock.seconds())


def _known(machine: Machine, role: str, one: Mapping[str, str]) -> bool:
    keyring, sources = _keyring(machine, role), _sources(machine, role)
    wanted = entry(one, _KEYRING.format(role=role))
    return keyring.exists() and sources.exists() and sources.read_bytes() == wanted


def _keyring(machine: Machine, role: str) -> Path:
    return machine.layout.at(_KEYRING.format(role=role))


def _sources(machine: Machine, role: str) -> Path:
    return machine.layout.at(f"/etc/apt/sources.list.d/backplane-{role}.sources")
