"""Our nftables table: one file, one transaction (nft(8)), never anybody else's table.

What the kernel has is compared as nft lists it, with what nft lists after the same file was loaded
into a network namespace of its own, which is gone a moment later: nothing of nft's reading is
guessed. Counters are left out; the order inside a set is the kernel's own and is sorted away.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from node.errors import Refused
from node.machine import Machine

_FIX = "run `pulumi up` with a declaration whose firewall this machine's nft accepts"
_LIST = ("nft", "--stateless", "list", "table", "inet", "backplane")
_SCRATCH = ("unshare", "--net", "sh", "-c", f"nft --file - && {' '.join(_LIST)}")
_ELEMENTS = re.compile(r"elements = \{([^{}]*)\}")
_KNOWN = 8  # listings remembered; a machine has its confirmed and its staged one


def check(machine: Machine, file: Path) -> None:
    """Let nft judge a ruleset without loading it.

    Raises:
        Refused: nft would not take it.
    """
    machine.commands.must(
        ["nft", "--check", "--file", str(file)], why="nft refuses the firewall", fix=_FIX
    )


def load(machine: Machine, file: Path) -> None:
    """Put a ruleset into the kernel, whole or not at all, with those held out who must be.

    Raises:
        Refused: nft did not take it; the old one stays.
    """
    text = script(machine, file)
    machine.ensure_run()
    path = machine.layout.run / f".nft-{secrets.token_hex(4)}"
    try:
        machine.disk.write(path, text.encode(), 0o600)
        machine.commands.must(
            ["nft", "--file", str(path)], why="nft refuses the firewall", fix=_FIX
        )
    finally:
        path.unlink(missing_ok=True)


def drop(machine: Machine) -> None:
    """Take our table out of the kernel: what it kept out may come in.

    Raises:
        Refused: nft did not take it out.
    """
    if live(machine):
        machine.commands.must(
            ["nft", "delete", "table", "inet", "backplane"], why="our table does not go", fix=_FIX
        )


def script(machine: Machine, file: Path) -> str:
    """What is loaded: the ruleset, and who is held out of the planes instead of all operators.

    Until it is known who was removed while this machine was away, the ruleset's own word counts.
    """
    text = file.read_text(encoding="utf-8")
    known = machine.recall(machine.layout.removed)
    if known is None or "\tset held4 {" not in text:
        return text
    return text + hold(map(str, _list(known.get("addresses"))))


def hold(addresses: Iterable[str]) -> str:
    """The nft lines that keep exactly these plane addresses out."""
    lines = ["flush set inet backplane held4", "flush set inet backplane held6"]
    for address in sorted(set(addresses)):
        name = "held6" if ":" in address else "held4"
        lines.append(f"add element inet backplane {name} {{ {address} }}")
    return "".join(f"{line}\n" for line in lines)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def live(machine: Machine) -> str:
    """Our table as the kernel has it, in normal form; empty when there is none."""
    listed = machine.commands.run(_LIST)
    if listed.code and "No such file" not in listed.err:
        raise Refused(f"nft cannot list our table: {listed.err.strip()[:200]}", _FIX)
    return "" if listed.code else normal(listed.out)


def wanted(machine: Machine, file: Path) -> str:
    """Our table as the kernel would have it after loading ``file``, in normal form."""
    text = machine.commands.must(
        _SCRATCH,
        stdin=script(machine, file),
        why="the firewall cannot be tried apart",
        fix=_FIX,
    )
    return normal(text)


def differs(machine: Machine, file: Path) -> bool:
    """Whether the kernel has another table than ``file`` gives. Cheap once the file is known."""
    return _digest(live(machine)) != learn(machine, file)


def learn(machine: Machine, file: Path) -> str:
    """Digest of what ``file`` gives; tried once, then remembered until the next boot."""
    key = _digest(script(machine, file))
    known = machine.recall(machine.layout.listed) or {}
    if key not in known:
        kept = list(known.items())[1 - _KNOWN :]
        known = {**dict(kept), key: _digest(wanted(machine, file))}
        machine.remember(machine.layout.listed, known)
    return str(known[key])


def normal(text: str) -> str:
    """A listing with one element a line, sorted, and without empty lines."""

    def elements(match: re.Match[str]) -> str:
        parts = sorted(part.strip() for part in match[1].split(","))
        return "\n".join(f"\t\telement {part}" for part in parts if part)

    spread = _ELEMENTS.sub(elements, text)
    return "".join(f"{line.rstrip()}\n" for line in spread.splitlines() if line.strip())


def blocks(text: str) -> dict[str, list[str]]:
    """A listing in normal form by chain, set or counter: its name, then its lines."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("\t") and not line.startswith("\t\t") and line.endswith("{"):
            name = line.strip(" \t{")
            found[name] = []
        elif line.startswith("\t\t"):
            found.setdefault(name, []).append(line.strip())
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
