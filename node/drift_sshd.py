"""Where sshd listens, and what it would take from its files, against what a generation says."""

import re
import secrets
import socket
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from node import sshd, wireguard
from node.difference import HAND, Difference
from node.generations import Generation
from node.layout import ACTIVE
from node.machine import Machine

Door = tuple[str, int]
_LISTEN = re.compile(r"^ListenAddress\s+(\S+)", re.MULTILINE)
_LISTENING = "0A"  # TCP_LISTEN, include/net/tcp_states.h


def declared(target: Generation) -> frozenset[Door]:
    """The addresses and ports that sshd must listen on."""
    file = target.file("sshd.conf")
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return frozenset(_door(found) for found in _LISTEN.findall(text))


def heard(machine: Machine) -> frozenset[Door] | None:
    """Every TCP address that anybody listens on, straight from the kernel; None when not told."""
    found: set[Door] = set()
    for name in ("tcp", "tcp6"):
        path = machine.layout.at(f"/proc/net/{name}")
        if not path.exists():
            return None
        for line in path.read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING:
                found.add(_unpack(fields[1]))
    return frozenset(found)


def needs_reload(machine: Machine, target: Generation, pid: int) -> tuple[bool, bool]:
    """Whether sshd must read its files again, and whether the generation is not live without it.

    Args:
        machine: The machine.
        target: The generation to be live.
        pid: sshd's main process; 0 where nobody has asked systemd, and then strangers are not
            looked for.
    """
    doors, wanted = heard(machine), declared(target)
    if doors is None or not wanted:
        return False, False
    if wanted - doors:
        return True, True
    if not pid or not doors - wanted:
        return False, False
    from node import facts  # noqa: PLC0415 - every verb starts Python anew

    return bool(foreign(facts.listeners(machine), wanted, pid)), False


def differences(
    listeners: Iterable[Mapping[str, Any]], target: Generation, pid: int
) -> Iterator[Difference]:
    """Its own listeners: exactly the declared ones."""
    told = list(listeners)
    wanted = declared(target)
    present = {(one["address"], one["port"]) for one in told if one["protocol"] == "tcp"}
    for address, port in sorted(wanted - present):
        yield _difference(f"sshd on {address} port {port}", "listens", "")
    for one in foreign(told, wanted, pid):
        yield _difference(f"sshd on {one['address']} port {one['port']}", "", "listens")


def foreign(
    listeners: Iterable[Mapping[str, Any]], wanted: frozenset[Door], pid: int
) -> list[Mapping[str, Any]]:
    """What sshd's main process listens on without having been told to."""
    return [
        one
        for one in listeners
        if pid and one["pid"] == pid and (one["address"], one["port"]) not in wanted
    ]


def settings(machine: Machine, target: Generation) -> Iterator[Difference]:
    """What sshd would take from all its files, where ours alone would give something else."""
    ours = target.file("sshd.conf").read_text(encoding="utf-8")
    words = {line.split()[0].lower() for line in ours.splitlines() if line and line[0] != "#"}
    file = machine.layout.run / f".sshd-{secrets.token_hex(4)}.conf"
    machine.disk.write(file, ours.replace(ACTIVE, str(machine.layout.active)).encode(), 0o600)
    try:
        wanted = _effective(machine, words, "-f", str(file))
    finally:
        file.unlink(missing_ok=True)
    live = _effective(machine, words)
    for word in sorted(words):
        if wanted.get(word) != live.get(word):
            yield Difference(
                area="sshd",
                what=f"{word} in the files that sshd reads",
                declared="\n".join(wanted.get(word, ())),
                live="\n".join(live.get(word, ())),
                repair=HAND,
            )


def _effective(machine: Machine, words: set[str], *file: str) -> dict[str, list[str]]:
    text = machine.commands.must(
        [sshd.program(machine), "-T", "-C", "user=root,host=node,addr=192.0.2.1", *file],
        why="sshd would not start with the files it reads",
        fix="look at the files in /etc/ssh/sshd_config.d; ours is 00-backplane.conf",
    )
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        word, _, value = line.partition(" ")
        if word in words:
            found[word] = sorted([*found.get(word, ()), value])
    return found


def _difference(what: str, wanted: str, live: str) -> Difference:
    return Difference(area="listeners", what=what, declared=wanted, live=live)


def _door(text: str) -> Door:
    address, _, port = text.rpartition(":")
    bare = address.removeprefix("[").removesuffix("]")
    return wireguard.prefix(bare).partition("/")[0], int(port)


def _unpack(text: str) -> Door:
    """One address of /proc/net/tcp: words of 32 bits in the machine's own order."""
    raw, _, port = text.partition(":")
    words = [bytes.fromhex(raw[at : at + 8])[::-1] for at in range(0, len(raw), 8)]
    packed = b"".join(words)
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6  # noqa: PLR2004 - bytes
    return socket.inet_ntop(family, packed), int(port, 16)
