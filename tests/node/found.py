"""A machine in memory that is in use and open to the world, as its owner left it."""

import base64
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from node import before, giveback, takeover, trial
from node.layout import FIREWALL_UNIT, MEMBERS_UNIT, SSH_SOCKET, SSH_UNIT, Layout
from node.machine import Machine
from tests.node.kernel import Kernel
from tests.node.model import Box, FakeClock, FakeJournal
from tests.node.recipe import FIREWALL, Recipe

OWN = "Include /etc/ssh/sshd_config.d/*.conf\nAllowUsers owner\n"
HOUSE = "PasswordAuthentication yes\n"
_DROP_IN = f"/run/systemd/system/{SSH_UNIT}.d/backplane-trial.conf"
_PLANES = "ListenAddress 10.200.1.1:22"
SECONDS = {"seconds": 60.0}


def first() -> dict[str, list[str]]:
    """Generation 0 as the runner sends it."""
    recipe = Recipe(peers={"wg0": ("runner",)}, epoch=0)
    text, keys = recipe.config("wg0")
    for place in reversed(range(len(keys))):
        text = text.replace(f"@K{place}@", keys[place])
    files = {
        "nftables.nft": FIREWALL,
        "wireguard/wg0.conf": text,
        "sshd.conf": f"Port 22\n{_PLANES}\nHostKey /run/backplane/active/ssh_host_ed25519_key\n",
        "ssh_host_ed25519_key": "one-time host key\n",
        "authorized_keys": "ssh-ed25519 AAAA runner\n",
        "sysctl.conf": "net.ipv4.ip_nonlocal_bind = 1\n",
    }
    return {
        path: ["0600", base64.b64encode(text.encode()).decode()] for path, text in files.items()
    }


class Street(Kernel):
    """A kernel that knows who gets in where.

    Attributes:
        sshd: By whose settings sshd listens: ``own`` and ``plain`` on every address, ``planes`` on
            wg0 alone; None while none runs.
        second: Whether a second one listens on wg0.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.sshd: str | None = None
        self.second = False

    @property
    def public(self) -> bool:
        """Whether its owner gets in at its public address, as before."""
        return self.sshd == "own" and FIREWALL not in self.firewall

    @property
    def plane(self) -> bool:
        """Whether the runner gets in over wg0, and nobody anywhere else."""
        return self.sshd == "planes" and "wg0" in self.links and FIREWALL in self.firewall

    def boot(self) -> None:
        """Forget what a power cut forgets, then start what boot starts."""
        self.links, self.firewall, self.timers, self.held = {}, "", {}, []
        self.sshd, self.second = None, False
        self.layout.settings.joinpath("net/ipv4/ip_nonlocal_bind").write_text("0\n")
        for base in (self.layout.run, self.layout.at("/run/systemd")):
            for path in sorted(base.rglob("*"), reverse=True):
                if path.is_dir() and not path.is_symlink():
                    path.rmdir()
                else:
                    path.unlink()
        self.layout.run.mkdir(parents=True, exist_ok=True)
        tmpfiles = self.layout.at("/etc/tmpfiles.d/backplane.conf")
        if self.layout.confirmed.is_symlink() and tmpfiles.exists():
            self.layout.active.symlink_to(self.layout.confirmed)
        rules = self.layout.active / "nftables.nft"
        system = self.layout.at("/etc/systemd/system")
        # Others want it, whether or not it is enabled.
        wanted = any(system.glob("*.d/backplane.conf")) or self.starts(FIREWALL_UNIT)
        if wanted and (system / FIREWALL_UNIT).exists() and rules.exists():
            self._nft(["--file", str(rules)])
        for link in sorted(self.layout.boot_units.glob("wg-quick@*")):
            self._start(link.name)
        if self.starts(SSH_UNIT) or self.starts(SSH_SOCKET):
            self._reload_sshd()

    def starts(self, unit: str) -> bool:
        """Whether boot starts a unit."""
        return (self.layout.boot_units / unit).is_symlink()

    def _reload_sshd(self) -> None:
        at = self.layout.at
        if at(_DROP_IN).exists():
            line = next(
                line for line in at(_DROP_IN).read_text().splitlines() if line.endswith(".conf")
                and line.startswith("ExecStart=/")
            )  # fmt: skip
            text = Path(line.rpartition(" ")[2]).read_text()
            self.sshd = "planes" if _PLANES in text else "own"
            return
        link = at(f"{before.SSHD_PARTS}/00-backplane.conf")
        if link.is_symlink():
            self.sshd = "planes" if link_target(self.layout, link).exists() else None
        else:
            self.sshd = "own" if at(before.SSHD).read_text() == OWN else "plain"

    def _told(self, verb: str, unit: str) -> str | None:
        if unit == SSH_UNIT and verb in {"restart", "reload-or-restart"}:
            self._reload_sshd()
        elif unit == SSH_UNIT and verb == "stop":
            self.sshd = None
        elif unit == SSH_SOCKET and verb == "restart":
            self._reload_sshd()
        elif unit == MEMBERS_UNIT and verb == "restart":
            message = "a watch that restarts itself is killed there"
            raise AssertionError(message)
        elif unit == trial.SECOND:
            self.second = False
        elif unit == FIREWALL_UNIT and verb == "restart":
            self._nft(["--file", str(self.layout.active / "nftables.nft")])
        else:
            return super()._told(verb, unit)
        return ""

    def _show(self, unit: str) -> str:
        shown = super()._show(unit)
        if unit not in {SSH_UNIT, SSH_SOCKET}:
            return shown
        file = "enabled" if self.starts(unit) else "disabled"
        runs = unit == SSH_UNIT or self.starts(unit)
        return f"Id={unit}\nActiveState={'active' if runs else 'inactive'}\nUnitFileState={file}\n"

    def _systemd_run(self, argv: list[str]) -> str:
        if f"--unit={trial.SECOND}" in argv:
            self.second = True
            text = Path(argv[-1]).read_text()
            port = next(line for line in text.splitlines() if line.startswith("Port "))[5:]
            self.sockets = [
                f'tcp LISTEN 0 128 10.200.1.1:{port} 0.0.0.0:* users:(("sshd",pid=7,fd=3))'
            ]
            return ""
        return super()._systemd_run(argv)

    def _nft(self, argv: list[str]) -> str:
        if argv[0] == "delete":
            self.firewall = ""
            return ""
        if "list" in argv and not self.firewall:
            return ""
        return super()._nft(argv)

    def _ip(self, argv: list[str]) -> str | None:
        if "bp-probe" in argv:
            return ""
        return super()._ip(argv)

    def _systemd_tmpfiles(self, argv: list[str]) -> str:
        assert argv == ["--create", "/etc/tmpfiles.d/backplane.conf"]
        self.layout.run.chmod(0o755)
        return ""

    def _sshd(self, argv: list[str]) -> str | None:
        return None if "-o" in argv else super()._sshd(argv)


def link_target(layout: Layout, link: Path) -> Path:
    """Where a link of the machine's leads below its root."""
    return layout.at(str(link.readlink()))


def found(root: Path, *, socket: bool = False) -> Box:
    """A machine in use: sshd on every address, no firewall, nothing of ours."""
    layout = Layout(root=root)
    at = layout.at
    for directory in (
        layout.run, layout.wireguard, layout.boot_units, layout.hosts.parent, layout.tool.parent,
        at(before.SSHD_PARTS), at("/etc/sysctl.d"), at("/etc/tmpfiles.d"), at("/run/systemd"),
        at("/var/lib"), layout.settings / "net/ipv4",
    ):  # fmt: skip
        directory.mkdir(parents=True, exist_ok=True)
    at(before.SSHD).write_text(OWN)
    at("/etc/ssh/ssh_host_ed25519_key.pub").write_text("ssh-ed25519 BBBB root@found\n")
    at(f"{before.SSHD_PARTS}/50-house.conf").write_text(HOUSE)
    layout.tool.write_text("the tool")
    layout.hosts.write_text("127.0.0.1 localhost\n")
    # Where the kernel in memory links all units to.
    linked = "/usr/lib/systemd/system/wg-quick@.service"
    (layout.boot_units / (SSH_SOCKET if socket else SSH_UNIT)).symlink_to(linked)
    return restarted(root)


def restarted(root: Path) -> Box:
    """The machine behind a boot from the disk below ``root``."""
    kernel, clock, journal = Street(root), FakeClock(), FakeJournal()
    kernel.packages = {"nftables", "openssh-server", "wireguard-tools"}
    machine = Machine(layout=Layout(root=root), commands=kernel, clock=clock, journal=journal)
    kernel.boot()
    return Box(machine=machine, kernel=kernel, clock=clock, journal=journal)


def street(box: Box) -> Street:
    """Its kernel."""
    assert isinstance(box.kernel, Street)
    return box.kernel


STEPS: tuple[tuple[str, Callable[[Machine], Any]], ...] = (
    ("tunnel", lambda machine: takeover.tunnel(machine, {"files": first(), **SECONDS})),
    ("trial", lambda machine: takeover.try_sshd(machine, dict(SECONDS))),
    ("close", lambda machine: takeover.close(machine, dict(SECONDS))),
    ("keep", lambda machine: takeover.keep(machine, {})),
)
"""A takeover as the runner asks for it."""


def take(machine: Machine, count: int = len(STEPS)) -> None:
    """The first steps of a takeover."""
    for _, step in STEPS[:count]:
        step(machine)


def breaking(number: int) -> Callable[[Sequence[str]], str | None]:
    """Refuses the program that is called as the `number`th from now on, and no other."""
    calls = count()
    return lambda _: "broken" if next(calls) == number else None


def resume(machine: Machine) -> None:
    """What the watch does at a boot first."""
    with machine.changing():
        takeover.booted(machine)
        giveback.booted(machine)


def house(root: Path) -> dict[str, str]:
    """All that is the owner's: files and links below /etc, by path, with their content."""
    told = {}
    for path in sorted((root / "etc").rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            told[name] = f"-> {path.readlink()}"
        elif path.is_file():
            told[name] = path.read_text()
    return told
