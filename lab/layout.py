"""Where a lab keeps its things, and what it calls them: the one place that knows.

A lab is a name. From it follow its directories, its network namespaces and its cgroup, so that
`lab down` finds everything again even when no record of it was written.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

DEFAULT = "default"
SERVERS_V4 = tuple(f"198.51.100.{host}" for host in range(17, 31))
"""The addresses a lab can give to servers; every other one of the /24 is a black hole."""

GATEWAY_V4 = "198.51.100.1"
RUNNER_V4, RUNNER_V6 = "198.51.100.2", "2001:db8:0:2::2"
STRANGER_V4, STRANGER_V6 = "198.51.100.3", "2001:db8:0:3::3"
SERVICES_V4, SERVICES_V6 = "198.51.100.10", "2001:db8:0:10::10"
RESOLVERS_V4 = ("1.1.1.1", "8.8.8.8")
RESOLVERS_V6 = ("2606:4700:4700::1111", "2001:4860:4860::8888")
"""Well-known resolvers, whose part the lab's own plays on its internet, and nowhere else."""

INTERNET_V4, INTERNET_V6 = "198.51.100.0/24", "2001:db8::/32"
"""The labs' own addresses: what is meant for them never leaves by a real interface."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")


class LabError(Exception):
    """The lab cannot do what was asked; the text says what, why and how to go on."""


def cache() -> Path:
    """Return the directory of everything that is expensive to make and outlives a lab."""
    own = os.environ.get("BACKPLANE_CACHE")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "backplane"


def states() -> Path:
    """Return the directory that holds one directory of state per lab."""
    own = os.environ.get("BACKPLANE_LAB_DIR")
    if own:
        return Path(own)
    if os.geteuid() == 0:
        return Path("/var/lib/backplane-lab")
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local/state") / "backplane-lab"


def runtime() -> Path:
    """Return the directory of what must not survive a restart of this computer, for all labs.

    Whoever is not root can have labs on paper only, which share nothing with other users'.
    """
    return Path("/run/backplane-lab") if os.geteuid() == 0 else states() / ".run"


@dataclass(frozen=True, slots=True)
class Lab:
    """One lab by name.

    Attributes:
        name: At most 20 lower-case letters, digits and dashes; `default` is the lab whose
            runner is this computer itself.
    """

    name: str = DEFAULT

    def __post_init__(self) -> None:
        """Refuse a name that cannot be part of a namespace's name."""
        if not _NAME.fullmatch(self.name):
            message = (
                f"lab {self.name!r}: a lab's name is at most 20 lower-case letters, digits and "
                "dashes and begins with a letter; choose such a name"
            )
            raise LabError(message)

    @property
    def state(self) -> Path:
        """The directory of its disks, books and credentials; removed by `lab down`."""
        return states() / self.name

    @property
    def run(self) -> Path:
        """The directory of its process records and locks; removed by `lab down`."""
        return runtime() / self.name

    @property
    def hosted(self) -> bool:
        """Whether this computer itself is the lab's runner."""
        return self.name == DEFAULT

    def namespace(self, part: str) -> str:
        """Return the network namespace called `part`: core, internet, services, runner, fwID."""
        return f"bp-{part}" if self.hosted else f"bp-{self.name}-{part}"

    def owns(self, namespace: str) -> bool:
        """Whether a network namespace of this computer belongs to this lab, by its name."""
        parts = "(core|internet|services|runner|fw[0-9]+)"
        return re.fullmatch(re.escape(self.namespace("")) + parts, namespace) is not None

    @property
    def runner(self) -> str | None:
        """The runner's network namespace; None when it is this computer's own."""
        return None if self.hosted else self.namespace("runner")

    @property
    def cgroup(self) -> str:
        """The path of the control group that holds every process of the lab."""
        return f"backplane-lab/{self.name}"
