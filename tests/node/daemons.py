"""Packages, units and daemons of the roles of a machine in memory."""

import fnmatch
import re
from pathlib import Path

from node.layout import Layout

OF_ROLES = re.compile(r"backplane-(?!nft|members|rollback|first)")
"""How the units of roles are called."""


APT_SAYS = {
    False: "E: Could not get lock /var/lib/apt/lists/lock",
    True: "E: Could not connect to deb.example.org:80 (192.0.2.1), connection timed out",
}
"""When it fails: an update, and an install."""


class Daemons:
    """What apt has installed, what systemd knows of, and what runs from which text.

    Attributes:
        units: What systemd says of those that are not ours, or not as they should be.
        packages: Those installed.
        hollow: Whether apt says that it installs, and does not.
        halfway: Whether an install was cut short: apt refuses until dpkg has gone on with it.
        deaf: How often the mirror does not answer an install.
        taken: How often another apt still has the lists.
        beyond: Packages that are in contrib.
        container: Whether the machine is one.
        broken: Units that systemd refuses to start.
        known: Text by unit, as systemd last read it.
        daemons: What each running unit was started with.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.units: dict[str, dict[str, str]] = {}
        self.packages: set[str] = set()
        self.hollow = False
        self.halfway = False
        self.taken = 0
        self.deaf = 0
        self.beyond: set[str] = set()
        self.container = False
        self.broken: set[str] = set()
        self.known: dict[str, str] = {}
        self.daemons: dict[str, str] = {}

    def matching(self, words: list[str]) -> list[str]:
        """The units that words name: those that are loaded for a pattern; a template is none."""
        assert not [word for word in words if "@." in word]
        return [
            unit
            for word in words
            for unit in (fnmatch.filter(self.units, word) if "*" in word else [word])
        ]

    def start_units(self) -> None:
        """Do what boot does: start all but what a timer or socket starts."""
        self.read_units()
        for unit in self.known:
            starters = {f"{Path(unit).stem}.timer", f"{Path(unit).stem}.socket"}
            if not unit.endswith(".service") or not starters & {*self.known}:
                self.run_daemon(unit)

    def read_units(self) -> None:
        """Take in the units of the active generation, as the generator shows them."""
        folder = self.layout.active / "units"
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
        self.known = {path.name: path.read_text(encoding="utf-8") for path in paths}

    def run_daemon(self, unit: str) -> str | None:
        """Start a unit with its text and its role's file as they are now."""
        if unit not in self.known:
            return None
        role = unit.removeprefix("backplane-").rpartition(".")[0]
        own = self.layout.active / "roles" / role / "it.conf"
        text = own.read_text(encoding="utf-8") if own.exists() else ""
        self.daemons[unit] = self.known[unit] + text
        return ""

    def role_unit(self, unit: str) -> dict[str, str]:
        """What `systemctl show` tells of a unit of a role."""
        if unit not in self.known:
            return {}
        own = self.layout.at("/etc/systemd/system") / unit
        return {
            "ActiveState": "active" if unit in self.daemons else "failed",
            "UnitFileState": "generated",
            "Result": "exit-code",
            "FragmentPath": f"/etc/systemd/system/{unit}" if own.exists() else "",
        }

    def daemon(self, verb: str, unit: str) -> str | None:
        """What systemd answers: neither what it does not know nor what is masked is started.

        Nor is what it has forgotten stopped, unless it still runs.
        """
        own = self.layout.at("/etc/systemd/system") / unit
        if verb == "stop":
            there = unit in self.known or unit in self.daemons
            self.daemons.pop(unit, None)
            return "" if there else None
        if unit not in self.known or own.is_symlink() or unit in self.broken:
            return None
        return self.run_daemon(unit) if verb == "restart" or unit in self.daemons else ""

    def _env(self, argv: list[str]) -> str | None:
        assert argv[0] == "DEBIAN_FRONTEND=noninteractive"
        if argv[1] == "dpkg":
            self.halfway = False
        elif "install" in argv and self.deaf > 0:
            self.deaf -= 1
            return None
        elif self.halfway or ("update" in argv and self.taken > 0):
            self.taken -= 1
            return None
        elif "install" in argv and not self.hollow:
            self.packages |= {*argv[argv.index("install") + 1 :]}
        return ""

    def _apt_cache(self, argv: list[str]) -> str | None:
        folder = self.layout.at("/etc/apt/sources.list.d")
        added = (folder / "backplane.list").exists() or (folder / "backplane.sources").exists()
        return None if argv[-1] in self.beyond and not added else ""

    def _apt_get(self, argv: list[str]) -> str:
        assert argv[0] == "indextargets"
        rows = ("Debian|https://deb.example.org/debian/", "Other|https://other.example.org/tools")
        return "".join(f"{row}|\n" for row in rows)

    def _systemd_detect_virt(self, argv: list[str]) -> str | None:
        assert argv == ["--quiet", "--container"]
        return "" if self.container else None

    def _uname(self, _: list[str]) -> str:
        return "6.1.0-25-cloud-amd64\n"

    def _dpkg_query(self, argv: list[str]) -> str:
        wanted = [word for word in argv[1:] if not word.startswith(("-", "$"))]
        return "".join(f"{name} installed\n" for name in wanted if name in self.packages)

    def _sight_check(self, argv: list[str]) -> str | None:
        return None if "wrong" in Path(argv[0]).read_text(encoding="utf-8") else ""

    _dust_check = _sight_check
