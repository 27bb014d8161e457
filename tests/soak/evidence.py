"""What is kept when an invariant is broken: enough to see what happened, and no key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from lab.layout import LabError
from tests.lab.mesh import Mesh
from tests.soak.facts import machines

# `wg show` without a word for a key hides private keys and PSKs.
_COMMANDS = {
    "journal": "journalctl --no-pager --output=short-precise | tail -n 3000",
    "status": "backplane-node status",
    "wg": "wg show all",
    "nft": "nft list table inet backplane",
    "addresses": "ip address; ip route; ip -6 route",
    "units": "systemctl --failed --no-legend; systemctl list-timers --all --no-pager",
    "files": "ls -lR --full-time /run/backplane /var/lib/backplane",
}


def keep(mesh: Mesh, folder: Path, history: Sequence[str], names: Iterable[str]) -> Path:
    """Gather everything below the soak's folder, where pulumi's output is already.

    Returns:
        The folder.
    """
    (folder / "steps.txt").write_text("\n".join(history) + "\n")
    (folder / "declaration.yaml").write_text(mesh.stack_file.read_text())
    there = machines(mesh)
    for name in names:
        own = folder / "nodes" / name
        own.mkdir(parents=True, exist_ok=True)
        for what, command in _COMMANDS.items():
            with suppress(KeyError, LabError):
                done = there[name].run("sh", "-c", command)
                (own / f"{what}.txt").write_text(done.stdout + done.stderr)
    return folder
