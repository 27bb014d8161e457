"""What the daemon wants of FRR reaches FRR: the seam between the two."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from node import announce, frr
from node.commands import Commands, Result
from node.errors import Refused
from node.layout import Layout
from node.machine import Machine
from tests.node.model import FakeClock, FakeJournal

CONF = """route-map site-2-out-v4 permit 10
 match ip address prefix-list near-v4
 set metric 50
exit
router bgp 65002
 address-family ipv4 unicast
  neighbor 10.254.0.2 route-map site-2-out-v4 out
 exit-address-family
exit
"""


class Shell(Commands):
    """vtysh, which takes everything."""

    def __init__(self) -> None:
        self.told: list[list[str]] = []

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 30) -> Result:
        """Note what it is told."""
        del stdin, timeout
        self.told.append([*argv])
        return Result(code=0, out="", err="")


def _machine(root: Path) -> tuple[Machine, Shell]:
    shell, layout = Shell(), Layout(root=root)
    layout.at(frr.RUN).mkdir(parents=True)
    (layout.at(frr.RUN) / "frr.conf").write_text(CONF, encoding="ascii")
    machine = Machine(layout=layout, commands=shell, clock=FakeClock(), journal=FakeJournal())
    return machine, shell


def test_a_metric_is_set_by_the_sites_number(tmp_path: Path) -> None:
    """As the daemon has it, a whole number: its route-map and no other, and the file beside FRR."""
    machine, shell = _machine(tmp_path)
    announce.set_metric(machine, 2, 10)
    (argv,) = shell.told
    words = [word for flag, word in pairwise(argv) if flag == "-c"]
    assert words == [
        "configure",
        "route-map site-2-out-v4 permit 10",
        "set metric 10",
        "exit",
        "end",
        "clear bgp ipv4 unicast 10.254.0.2 soft out",
        "clear bgp ipv6 unicast 10.254.0.2 soft out",
    ]
    text = (machine.layout.at(frr.RUN) / "frr.conf").read_text(encoding="ascii")
    assert text == CONF.replace("metric 50", "metric 10")


def test_a_site_that_is_not_loaded_is_told(tmp_path: Path) -> None:
    """Nothing is said to FRR of it."""
    machine, shell = _machine(tmp_path)
    with pytest.raises(Refused, match="no link to site 3"):
        announce.set_metric(machine, 3, 10)
    assert shell.told == []


def test_nobody_leads_the_file_astray(tmp_path: Path) -> None:
    """FRR's user owns the directory: what it puts there under the file's name is replaced."""
    machine, _ = _machine(tmp_path)
    path, target = machine.layout.at(frr.RUN) / "frr.conf", tmp_path / "elsewhere"
    target.write_text(CONF, encoding="ascii")
    path.unlink()
    path.symlink_to(target)
    announce.set_metric(machine, 2, 10)
    assert target.read_text(encoding="ascii") == CONF
    assert not path.is_symlink()
