"""FRR on a gateway: what is loaded, what changes a metric, and what is read of its sessions."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from backplane.render.frr import frr as rendered
from node import frr
from node.commands import Result
from node.errors import Refused
from tests.core.speakers import GATEWAY
from tests.node.model import Box

RECORDED = Path(__file__).parent / "frr"
TEXT = rendered(GATEWAY)


def _told(name: str) -> Any:  # noqa: ANN401 - JSON of FRR's
    return json.loads((RECORDED / f"{name}.json").read_text(encoding="ascii"))


class World:
    """FRR's programs here.

    Attributes:
        silent: how often daemons do not answer first.
        reading: how often bgpd reads a file first, which is part of its start.
        code: how a load ends.
        says: what vtysh says to a change.
        ran: command lines.
    """

    def __init__(self) -> None:
        self.silent, self.reading, self.code, self.says = 0, 0, 0, ""
        self.ran: list[list[str]] = []

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 30) -> Result:
        """Be one of them."""
        assert not stdin
        assert timeout
        self.ran.append(list(argv))
        if argv[0] == "systemctl":
            self.reading -= 1
            last = "active" if self.reading < 0 else "activating"
            states = zip(argv[3:], ("active", last, "active"), strict=True)
            told = [f"Id={unit}\nActiveState={state}\n" for unit, state in states]
            return Result(code=0, out="\n".join(told), err="")
        if argv[-1] == "show version":
            self.silent -= 1
            out = "" if self.silent >= 0 else "FRRouting 8.4.4 (a).\n"
            return Result(code=0, out=out, err="")
        if argv[0] == "vtysh":
            shown = {"bgp ipv4": "bgp4", "bgp ipv6": "bgp6", "bfd peers": "bfd"}
            asked = [word for word in argv if word.startswith("show ")]
            names = [name for one in asked for word, name in shown.items() if word in one]
            out = "".join(f"{json.dumps(_told(one), indent=1)}\n\n" for one in names) or self.says
            return Result(code=0, out=out, err="")
        return Result(code=self.code, out="line 3: % Unknown command\n", err="")


@pytest.fixture
def world(enrolled: Box, monkeypatch: pytest.MonkeyPatch) -> World:
    """A gateway whose daemons run."""
    made = World()
    monkeypatch.setattr(enrolled.machine.commands, "run", made.run)
    path = enrolled.layout.active / frr.FILE
    path.parent.mkdir(parents=True)
    path.write_text(TEXT, encoding="ascii")
    enrolled.layout.at(frr.RUN).mkdir(parents=True)
    return made


def _loaded(box: Box) -> str:
    return (box.layout.at(frr.RUN) / "frr.conf").read_text(encoding="ascii")


def test_the_configuration_is_loaded_with_the_metrics_that_hold(
    enrolled: Box, world: World
) -> None:
    """What the ownership daemon has settled goes before what is declared."""
    owners = {"2": {"term": 3, "owner": 1, "metric": 10}, "7": {"metric": "x"}, "8": 1}
    enrolled.machine.remember(enrolled.layout.run / frr.OWNERS, owners)
    before = enrolled.machine.clock.seconds()
    assert frr.frr(enrolled.machine, {}) == {"loaded": True}
    first, _, rest = _loaded(enrolled).partition("\n")
    assert first.startswith("hostname ")
    assert rest == frr.with_metrics(TEXT, {"2": 10}) != TEXT
    assert world.ran[-2][0].endswith("frr-reload.py")
    assert world.ran[-1][4::2] == [f"clear bgp {one} unicast * soft" for one in ("ipv4", "ipv6")]
    assert enrolled.machine.clock.seconds() - before >= 1, "old policies are not gone yet"
    (enrolled.layout.active / frr.FILE).unlink()
    assert frr.frr(enrolled.machine, {}) == {"loaded": False}


def test_daemons_that_come_late_are_waited_for_and_no_longer(enrolled: Box, world: World) -> None:
    """A bounded time; then those that are silent are named, and nothing is loaded."""
    world.silent, world.reading = 5, 3
    assert frr.frr(enrolled.machine, {}) == {"loaded": True}
    asked = [argv[0] == "systemctl" for argv in world.ran]
    assert asked[:4] == 4 * [True], "one that still reads would hide what others lack"
    world.silent, world.ran = 10_000, []
    with pytest.raises(Refused, match="zebra, bgpd, bfdd did not answer in 30 s"):
        frr.frr(enrolled.machine, {})
    assert not [argv for argv in world.ran if argv[0].endswith("frr-reload.py")]


def test_what_frr_refuses_is_told(enrolled: Box, world: World) -> None:
    """In its own words."""
    world.code = 1
    with pytest.raises(Refused, match="Unknown command"):
        frr.frr(enrolled.machine, {})


def test_a_metric_is_changed_in_the_lines_of_its_site_alone() -> None:
    """Both families, all links of that site; all other lines stay."""
    changed = frr.with_metrics(TEXT, {"1": 10})
    pairs = list(zip(TEXT.splitlines(), changed.splitlines(), strict=True))
    moved = [pair for pair in pairs if pair[0] != pair[1]]
    assert set(moved) == {(" set metric 50", " set metric 10")}
    assert len(moved) == 1 + 2 * 4
    assert changed.count(" set metric 100") == TEXT.count(" set metric 100")


def test_a_metric_is_told_at_once(enrolled: Box, world: World) -> None:
    """To the neighbours of that site, softly, and kept for a daemon that starts anew."""
    frr.frr(enrolled.machine, {})
    frr.set_metric(enrolled.machine, "1", 10)
    words = world.ran[-1][6::2]
    heads = [word for word in words if word.startswith("route-map")]
    assert len(heads) == 1 + 2 * 4
    assert all(word.startswith("route-map site-1-out-") for word in heads)
    assert words[-4:] == [
        f"clear bgp {family} unicast {peer} soft out"
        for peer in ("10.254.0.10", "10.254.0.2")
        for family in ("ipv4", "ipv6")
    ]
    assert "metric 10\n" in _loaded(enrolled)


@pytest.mark.parametrize("says", ["% Unknown command\n", "bgpd is not running\n"])
def test_a_metric_that_is_not_taken_is_told(enrolled: Box, world: World, says: str) -> None:
    """By vtysh, which exits well all the same; as is a site that there is no link to."""
    with pytest.raises(Refused, match="no link to site 1"):
        frr.set_metric(enrolled.machine, "1", 10)
    frr.frr(enrolled.machine, {})
    world.says = says
    with pytest.raises(Refused, match="keeps the metric of site 1"):
        frr.set_metric(enrolled.machine, "1", 10)
    with pytest.raises(Refused, match="no link to site 9"):
        frr.set_metric(enrolled.machine, "9", 10)


def test_sessions_are_read_as_frr_tells_them(enrolled: Box, world: World) -> None:
    """From what FRR 8.4.4 wrote, asked once; one that is down has neither time nor prefixes."""
    told = frr.sessions(enrolled.machine)
    assert len(world.ran) == 1
    assert list(told) == ["wgl1-0", "wgl1-1"]
    assert {(one.state, one.bfd, one.v4, one.v6) for one in told.values()} == {
        ("Established", "up", 4, 4)
    }
    down = {"peers": {"1.1.1.1": {"state": "Active", "desc": "wgl9-0", "peerUptimeMsec": 5000}}}
    assert frr.read(down, {}, []) == {
        "wgl9-0": frr.Session(state="Active", seconds=0, bfd="unknown", v4=0, v6=0)
    }


def test_without_sessions_of_its_own_frr_tells_nothing(
    enrolled: Box, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first load there is no BGP; what is no JSON is refused."""
    monkeypatch.setattr(world, "run", lambda *_, **__: Result(code=0, out="% BGP\n", err=""))
    monkeypatch.setattr(enrolled.machine.commands, "run", world.run)
    with pytest.raises(Refused, match="does not tell"):
        frr.sessions(enrolled.machine)
