"""Operators in a declaration and in outputs: who they are, a new one, their files, a QR code."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from backplane import expiry, planes
from backplane.addressing import PEOPLE_SITE
from backplane.declaration import Declaration, Operator, parse
from scripts._declared import StackFile
from scripts._problem import Problem

MOST = 254
QR_BYTES = 2953
"""What a QR code holds at most, in bytes (version 40, level L; ISO/IEC 18004)."""

_KEY_BYTES = 32
Json = dict[str, Any]
Files = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A new operator as the command line has them.

    Attributes:
        name: of the entry.
        number: their id; None for a free one.
        on: planes by slot or name.
        keys: `PLANE=KEY` each.
        ssh: a public key or the file with it; None for one of the stack's.
        expires: the last day, or None.
        user: the account of their own, or None for root's.
        sudo: what that may do as root: `all`, `none`, or commands.
    """

    name: str
    number: int | None
    on: Iterable[str]
    keys: Iterable[str]
    ssh: str | None
    expires: str | None
    user: str | None = None
    sudo: tuple[str, ...] = ()


def free(declared: Declaration) -> int:
    """An id for a new person: above every operator's where there is room, else the lowest.

    A number that was somebody's is not given again as long as it can be helped: the PSKs follow
    from it.

    Raises:
        Problem: All are taken.
    """
    operators: set[int] = {one.id for one in declared.operators.values()}
    taken = operators | {one.id for one in declared.runners.values()}
    highest = max(operators, default=0)
    room = [number for number in range(1, MOST + 1) if number not in taken]
    if room:
        return next((number for number in room if number > highest), room[0])
    raise Problem(
        where="operators",
        what="there is no id left",
        why=f"operators and runners share the numbers 1 to {MOST}",
        fix="remove somebody who is gone",
    )


def entry(declared: Declaration, wanted: Wanted) -> dict[str, Any]:
    """The entry of a new operator; `require_sound` checks it.

    Raises:
        Problem: A key has not the form that is asked for, or a plane has two.
    """
    made: dict[str, Any] = {"id": wanted.number or free(declared), "planes": [*wanted.on]}
    keys: dict[str, str] = {}
    for one in wanted.keys:
        plane, _, key = one.partition("=")
        if not key:
            raise Problem(
                where="--public-key",
                what=f"`{one}` has no plane",
                why="a device has a key of its own on each plane",
                fix="write --public-key management=KEY",
            )
        if (slot := _slot(declared, plane)) in keys:
            raise Problem(
                where="--public-key",
                what=f"there are two keys for {slot}",
                why="a device has one key on each plane",
                fix="give one of them; another device is another operator",
            )
        keys[slot] = key
    if keys:
        made["public_keys"] = keys
    if wanted.ssh is not None:
        made["ssh_key"] = _ssh(wanted.ssh)
    if wanted.user is not None:
        made["login"] = {"user": wanted.user, **_sudo(wanted.sudo)}
    elif wanted.sudo:
        raise Problem(
            where="--sudo",
            what="it is about no account",
            why="without a login of their own they are root anyway",
            fix="name the account too: --user NAME",
        )
    if wanted.expires is not None:
        made["expires"] = wanted.expires
    return made


def _sudo(told: tuple[str, ...]) -> dict[str, str | list[str]]:
    if not told:
        return {}
    return {"sudo": told[0] if told in {("all",), ("none",)} else list(told)}


def _slot(declared: Declaration, plane: str) -> str:
    try:
        return declared.slot_named(plane)
    except KeyError:
        return plane


def _ssh(told: str) -> str:
    if " " in told:
        return " ".join(told.split()[:2])
    try:
        text = Path(told).expanduser().read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise Problem(
            where="--ssh-key",
            what=f"{told} cannot be read",
            why=str(error),
            fix="give the `.pub` file, or its first two words in quotes",
        ) from error
    if "PRIVATE KEY" in text:
        raise Problem(
            where="--ssh-key",
            what=f"{told} is a private key",
            why="only the public half goes into a declaration",
            fix=f"give {told}.pub",
        )
    return " ".join(text.split()[:2])


def require_free_name(file: StackFile, name: str) -> None:
    """See that nobody is called so yet.

    Raises:
        Problem: Somebody is.
    """
    if name in file.declaration.operators:
        raise Problem(
            where=f"operators.{name}",
            what=f"there is an operator {name} already",
            why=f"{file.shown} has them",
            fix="choose another name, such as the person's and the device's",
        )


def require_sound(file: StackFile, name: str, made: Mapping[str, object]) -> None:
    """See that the declaration is right with a new operator in it, before anything is written.

    Raises:
        DeclarationError: It is not.
    """
    mesh = yaml.safe_load(file.text)["config"][file.key]
    parse({**mesh, "operators": {**(mesh.get("operators") or {}), name: dict(made)}})


def listed(declared: Declaration, now: float) -> list[Json]:
    """Every operator, by name.

    Args:
        declared: the declaration.
        now: seconds since 1970.
    """
    return [
        {
            "name": name,
            "id": one.id,
            "planes": [_shown(declared, plane) for plane in one.planes],
            "addresses": {
                slot: f"10.{declared.network + planes.by_slot(slot).index}.{PEOPLE_SITE}.{one.id}"
                for slot in map(declared.slot_named, one.planes)
            },
            "own_keys": sorted(one.public_keys),
            "ssh": "own" if one.ssh_key else "stack",
            "expires": one.expires,
            "state": expiry.state(one.expires, now),
        }
        for name, one in sorted(declared.operators.items())
    ]


def _shown(declared: Declaration, plane: str) -> str:
    slot = declared.slot_named(plane)
    return declared.settings(slot).name or slot


def operator(file: StackFile, name: str) -> Operator:
    """The operator of a name.

    Raises:
        Problem: There is none.
    """
    found = file.declaration.operators.get(name)
    if found is None:
        raise nobody(name, file.declaration.operators)
    return found


def nobody(name: str, names: Iterable[str]) -> Problem:
    """That there is no such operator."""
    there = ", ".join(sorted(names))
    return Problem(
        where=f"operator {name}",
        what="there is no such operator",
        why=f"the operators are {there}" if there else "there are none",
        fix="correct the name; `backplane operator list` has them",
    )


def files(outputs: Mapping[str, Any], name: str, plane: str | None, *, direct: bool) -> Files:
    """The wg-quick files of an operator by file name, of one plane if one is named.

    Args:
        outputs: the stack's, secrets in clear.
        name: the operator.
        plane: its slot, its name, or its interface; None for all.
        direct: whether every node is a peer.

    Raises:
        Problem: There are none.
    """
    every = (outputs.get("direct") if direct else None) or outputs["operators"]
    if name not in every:
        problem = nobody(name, every)
        problem.fix = "run `pulumi up` after adding somebody; `backplane operator list` has them"
        raise problem
    if plane is None:
        return dict(every[name])
    for one in outputs["plan"]["planes"]:
        if plane in {one["slot"], one["name"], one["interface"]}:
            suffix = f"{one['interface']}.conf"
            found = {file: text for file, text in every[name].items() if file.endswith(suffix)}
            if found:
                return found
    raise Problem(
        where=f"operator {name}",
        what=f"there is no file for {plane}",
        why=f"they have {', '.join(sorted(every[name]))}",
        fix="name a plane that they are on",
    )


def private(text: str) -> bool:
    """Whether a file holds the device's private key."""
    for line in text.splitlines():
        word, _, value = line.partition(" = ")
        if word == "PrivateKey":
            try:
                return len(base64.b64decode(value, validate=True)) == _KEY_BYTES
            except binascii.Error:
                return False
    return False


def scanned(name: str, text: str) -> str:
    """What a phone is to scan: the file without its comments.

    Raises:
        Problem: The device would not work with it, or it does not fit.
    """
    if not private(text):
        raise Problem(
            where=f"operator {name}",
            what="a QR code would be of no use",
            why="the device made its own key, and the private half is nowhere else",
            fix=f"backplane operator config {name}, and put the private key in on the device",
        )
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    short = "\n".join(lines) + "\n"
    if len(short) > QR_BYTES:
        raise Problem(
            where=f"operator {name}",
            what=f"the file has {len(short)} bytes, a QR code holds {QR_BYTES}",
            why="every node is a peer of this device",
            fix="give sites entry nodes (`entry:`), or use `backplane operator config`",
        )
    return short
