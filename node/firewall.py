"""Our nftables table: one file, one transaction (nft(8)), never anybody else's table."""

import secrets
from collections.abc import Iterable
from pathlib import Path

from node.machine import Machine

_FIX = "run `pulumi up` with a declaration whose firewall this machine's nft accepts"


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
