"""Our nftables table: one file, one transaction (nft(8)), never anybody else's table."""

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
    """Put a ruleset into the kernel, whole or not at all.

    Raises:
        Refused: nft did not take it; the old one stays.
    """
    machine.commands.must(["nft", "--file", str(file)], why="nft refuses the firewall", fix=_FIX)
