"""Accounts: as this machine has them, and as a generation wants them (passwd(5), shadow(5))."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from node.errors import Refused
from node.generations import Generation
from node.machine import Machine

FILE = "logins/accounts.json"
HOMES, SHELL, NO_PASSWORD = "/home", "/bin/bash", "*"
FIRST_UID, UIDS = 65536, 34464
_USER = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]")
_NUMBER = re.compile(r"[0-9]{1,10}")
_MOST = 254  # people there can be


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as passwd(5), shadow(5) and group(5) have it.

    Attributes:
        user: Its name.
        uid: Its number.
        gid: That of its group.
        home: Its home directory.
        shell: What it starts.
        password: The hash; `*` fits no password.
        groups: Further groups.
    """

    user: str
    uid: int
    gid: int
    home: str
    shell: str
    password: str
    groups: tuple[str, ...] = ()


def uid_of(user: str) -> int:
    """The number of an account of ours, which follows from its name alone."""
    digest = sha256(f"backplane login {user}".encode()).digest()
    return FIRST_UID + int.from_bytes(digest[:8], "big") % UIDS


def wanted(generation: Generation) -> dict[str, Account]:
    """The accounts that a generation brings, by name.

    Raises:
        Refused: Its list is none that this tool makes accounts from.
    """
    file = generation.file(FILE)
    if not file.exists():
        return {}
    try:
        told = [(one["user"], one["uid"]) for one in json.loads(file.read_bytes())["accounts"]]
    except (ValueError, KeyError, TypeError):
        told = [("", 0)]
    for user, uid in told:
        if not isinstance(user, str) or not _USER.fullmatch(user) or uid != uid_of(user):
            raise Refused(
                f"{FILE} of generation {generation.name} names no accounts of ours",
                "run `pulumi up` again; if it stays, the runner and the tool differ in version",
            )
    if len(told) > _MOST or len({*told}) < len(told):
        raise Refused(f"{FILE} names {len(told)} accounts, or one twice", "run `pulumi up` again")
    return {user: _as_it_should_be(user) for user, _ in told}


def live(machine: Machine) -> dict[str, Account]:
    """Every account of this machine, by name; a line without its numbers is none."""
    hashes = {row[0]: row[1] for row in _rows(machine, "/etc/shadow", 2)}
    joined: dict[str, list[str]] = {}
    for row in _rows(machine, "/etc/group", 4):
        for member in filter(None, row[3].split(",")):
            joined.setdefault(member, []).append(row[0])
    return {
        row[0]: Account(
            user=row[0],
            uid=int(row[2]),
            gid=int(row[3]),
            home=row[5],
            shell=row[6],
            password=hashes.get(row[0], ""),
            groups=tuple(sorted(joined.get(row[0], ()))),
        )
        for row in _rows(machine, "/etc/passwd", 7)
        if _is_number(row[2]) and _is_number(row[3])
    }


def groups(machine: Machine) -> Mapping[str, int]:
    """The number of every group, by name."""
    rows = _rows(machine, "/etc/group", 4)
    return {row[0]: int(row[2]) for row in rows if _is_number(row[2])}


def _rows(machine: Machine, path: str, fields: int) -> Iterator[list[str]]:
    """The lines of one of the account files; without it there is none."""
    file = machine.layout.at(path)
    text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    for line in text.splitlines():
        row = line.split(":")
        # `+` lines are of other sources of accounts (nsswitch.conf(5)).
        if len(row) >= fields and not line.startswith(("+", "-", "#")):
            yield row


def _is_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text))


def _as_it_should_be(user: str) -> Account:
    uid = uid_of(user)
    return Account(
        user=user,
        uid=uid,
        gid=uid,
        home=f"{HOMES}/{user}",
        shell=SHELL,
        password=NO_PASSWORD,
    )
