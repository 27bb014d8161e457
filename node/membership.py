"""Who belongs to the mesh: a list that each rollout signs, which nodes keep and show each other.

A node that was away while somebody was removed still has that peer in what it boots. So at boot
operators are held out until another node, or a rollout, shows the newest list; then exactly those
of its peers are held that are on it no more. A node shows the list to whoever asks sshd by a name
that no account has; the runner's signature is what counts, so a node in bad hands can hide a newer
list and can make none up.

A list, as one line: ``serial id,id,… signature``. `serial` is ms since 1970 of the runner's clock;
an id is 12 hex digits over a member's name-independent public keys by interface; the signature is
an SSH one (PROTOCOL.sshsig) by the push key over the two words before it. An id behind a ``-`` is
that of somebody whom a run has held out before any rollout: no member, and the mark tells the next
run whom to let in again should the declaration name them again.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from node import firewall, identity, leavings, logins, passwd
from node.bundle import LINK
from node.errors import Refused
from node.generations import Generation
from node.layout import BIRTH, MEMBERS_UNIT
from node.machine import Machine
from node.request import Answer, Request, ask

NAMESPACE = "backplane-members"
GONE = "-"
LOGIN_KEYS = "logins/keys"
"""Where in a generation the keys of people with accounts of their own are, one file a user."""

_SIGNER = "push"
_WORDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """A list of members whose signature is good.

    Attributes:
        serial: ms since 1970.
        ids: Of every member.
        line: As it was signed and is shown.
    """

    serial: int
    ids: frozenset[str]
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A peer of this node.

    Attributes:
        name: Its name.
        kind: ``node``, ``runner`` or ``operator``.
        id: Its id.
        addresses: On all planes, both families.
        way: Its management address; None where it has none.
        until: The second (UTC, since 1970) from which it is let in no more; None for no end.
    """

    name: str
    kind: str
    id: str
    addresses: tuple[str, ...]
    way: str | None
    until: int | None = None

    def expired(self, wall: float) -> bool:
        """Whether its last day is over.

        Args:
            wall: seconds since 1970.
        """
        return self.until is not None and wall >= self.until


def peers(generation: Generation) -> list[Peer]:
    """Everybody this node is a peer of, by name."""
    rows: dict[str, dict[str, Mapping[str, str]]] = {}
    for interface, told in generation.mesh.items():
        for peer in told:
            # A link leads to somebody who is on the planes as well, or beyond them.
            if peer.get("kind") != LINK:
                rows.setdefault(peer["name"], {})[interface] = peer
    return [_peer(name, by) for name, by in sorted(rows.items())]


def _peer(name: str, by: Mapping[str, Mapping[str, str]]) -> Peer:
    keys = "".join(f"{interface} {by[interface]['public']}\n" for interface in sorted(by))
    addresses = [str(row[family]) for row in by.values() for family in ("v4", "v6")]
    return Peer(
        name=name,
        kind=next(iter(by.values())).get("kind", "node"),
        id=hashlib.sha256(keys.encode()).hexdigest()[:12],
        addresses=tuple(sorted(address.partition("/")[0] for address in addresses)),
        way=by["wg1"]["v4"].partition("/")[0] if "wg1" in by else None,
        until=next((int(row["until"]) for row in by.values() if "until" in row), None),
    )


def read(machine: Machine, generation: Generation, line: str) -> Members | None:
    """Read a list; None when it is none, or not signed by a runner of this mesh."""
    words = line.split()
    if len(words) != _WORDS or not words[0].isdigit():
        return None
    if not _signed(machine, generation, " ".join(words[:2]), words[2]):
        return None
    return Members(serial=int(words[0]), ids=frozenset(words[1].split(",")), line=" ".join(words))


def _signed(machine: Machine, generation: Generation, text: str, signature: str) -> bool:
    runners = {peer.name for peer in peers(generation) if peer.kind == "runner"}
    rows = generation.file("authorized_keys").read_text(encoding="utf-8").splitlines()
    keys = {" ".join(row.split()[-3:-1]) for row in rows if row.split()[-1] in runners}
    machine.ensure_run()
    token = secrets.token_hex(4)
    allowed = machine.layout.run / f".signers-{token}"
    armor = machine.layout.run / f".signature-{token}"
    head, tail = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
    try:
        signers = "".join(f"{_SIGNER} {key}\n" for key in sorted(keys))
        machine.disk.write(allowed, signers.encode(), 0o600)
        machine.disk.write(armor, "\n".join([head, *wrap(signature, 70), tail, ""]).encode(), 0o600)
        done = machine.commands.run(
            ["ssh-keygen", "-Y", "verify", "-f", str(allowed), "-I", _SIGNER, "-n", NAMESPACE,
             "-s", str(armor)],
            stdin=text,
        )  # fmt: skip
    finally:
        allowed.unlink(missing_ok=True)
        armor.unlink(missing_ok=True)
    return done.code == 0


def kept(machine: Machine, generation: Generation) -> Members | None:
    """The newest list that this machine has kept, if its signature is good."""
    try:
        line = machine.layout.members.read_text(encoding="ascii")
    except (FileNotFoundError, ValueError):
        return None
    return read(machine, generation, line)


def keep(machine: Machine, members: Members) -> None:
    """Keep a list for good, and show it."""
    machine.disk.replace(machine.layout.members, f"{members.line}\n".encode(), 0o600)
    show(machine, members)


def show(machine: Machine, members: Members) -> None:
    """Let sshd show a list to other nodes."""
    machine.ensure_run()
    new = machine.layout.run / f".members-{secrets.token_hex(4)}"
    machine.disk.write(new, f"{members.line}\n".encode(), 0o644)
    machine.disk.rename(new, machine.layout.shown_members)


def settle(machine: Machine, generation: Generation, members: Members | None) -> list[str]:
    """Hold out exactly those peers that are no members or have expired, and let the others in.

    Args:
        machine: The machine.
        generation: What it is live with.
        members: The newest list; None when there is nobody who could know of a removal.

    Returns:
        Names of those held out.
    """
    wall = machine.clock.wall()
    gone = [
        peer
        for peer in peers(generation)
        if peer.kind != "runner"
        if peer.expired(wall) or (members is not None and peer.id not in members.ids)
    ]
    names = [peer.name for peer in gone]
    record: dict[str, Any] = {
        "names": names,
        "addresses": sorted(address for peer in gone for address in peer.addresses),
    }
    # Whoever loads the firewall meanwhile must know of them; that all was done, only the end.
    done = {**record, "done": True}
    if machine.recall(machine.layout.removed) == done:
        return names
    machine.remember(machine.layout.removed, record)
    if "\tset held4 {" in generation.file("nftables.nft").read_text(encoding="utf-8"):
        machine.commands.must(
            ["nft", "--file", "-"],
            stdin=firewall.hold(record["addresses"]),
            why="nft does not hold out who was removed",
            fix="see `nft list table inet backplane` on the machine",
        )
    machine.journal.say(f"held out as removed or expired: {', '.join(names) or 'nobody'}")
    _end(machine, generation, gone)
    machine.remember(machine.layout.removed, done)
    return names


def _end(machine: Machine, generation: Generation, gone: Iterable[Peer]) -> None:
    """End what those who are held out have going: their packets come through no more."""
    people = [peer for peer in gone if peer.kind == "operator"]
    addresses = {address for peer in people for address in peer.addresses}
    names = {peer.name for peer in people}
    files = [generation.file("authorized_keys"), *generation.file(LOGIN_KEYS).glob("*")]
    rows = [row for file in files for row in file.read_text(encoding="utf-8").splitlines()]
    keys = {" ".join(row.split()[-3:-1]) for row in rows if row.split()[-1] in names}
    if people and (ended := logins.end(machine, addresses, keys)):
        machine.journal.say(f"ended {ended} processes of {', '.join(sorted(names))}")
    for file in files[1:]:
        owners = {row.split()[-1] for row in file.read_text(encoding="utf-8").splitlines()}
        # Nobody may come in to this account any more, so nothing of it goes on.
        if people and owners <= names:
            try:
                leavings.kill_all(machine, passwd.uid_of(file.name))
            except Refused as refused:
                machine.journal.say(f"what {file.name} has going does not end: {refused.error}")


def known(machine: Machine, _: Request) -> Answer:
    """Whom this node knows.

    Returns:
        ``peers``: their ids by name; ``members``: the newest list it has kept, or nothing.
    """
    here = identity.confirmed(machine)
    if here.name == BIRTH:
        return {"peers": {}, "members": ""}
    own = kept(machine, here)
    return {
        "peers": {peer.name: peer.id for peer in peers(here)},
        "members": own.line if own else "",
    }


def hold(machine: Machine, request: Request) -> Answer:
    """Take a newer list before any rollout brings one.

    It needs no lease: no runner is ever held out, and the next confirmation brings a newer list.

    Returns:
        ``held``: names of those held out now.

    Raises:
        Refused: It is not signed by a runner of this mesh.
    """
    with machine.changing():
        here = identity.confirmed(machine)
        told = _require(machine, here, ask(request, "members", str))
        own = kept(machine, here)
        best = newest(one for one in (own, told) if one is not None)
        if best is told:
            keep(machine, told)
        return {"held": settle(machine, here, best)}


def confirmed(machine: Machine, generation: Generation, line: str) -> None:
    """Take in the list that came with a confirmation: this node has missed nothing.

    Raises:
        Refused: It is not signed by a runner of this mesh.
    """
    members = _require(machine, generation, line)
    keep(machine, members)
    settle(machine, generation, members)
    machine.commands.run(["systemctl", "start", "--no-block", MEMBERS_UNIT])


def _require(machine: Machine, generation: Generation, line: str) -> Members:
    members = read(machine, generation, line)
    if members is None:
        raise Refused(
            "the list of the mesh's members is not signed by this mesh's runner",
            "run `pulumi up` again; if it stays, the runner and the tool differ in version",
        )
    return members


def newest(found: Iterable[Members]) -> Members | None:
    """The list with the highest serial, if there is any."""
    return max(found, key=lambda one: one.serial, default=None)
