"""Kernel settings that come and go with generations, and routers that a gateway goes on to hear."""

from dataclasses import replace
from pathlib import Path

import pytest

from node import advertised, generations, settings, sysctl, verbs
from node.machine import Machine
from tests.node.model import Box
from tests.node.recipe import Recipe
from tests.node.routed_box import GENERATION, daemon
from tests.node.steps import OLD, flipped

FILTER, FORWARD = "net.ipv4.conf.all.rp_filter", "net.ipv4.ip_forward"
ROUTER = replace(OLD, settings=f"{FORWARD} = 1\n{FILTER} = 2\n")


def _has(box: Box, name: str, value: str) -> None:
    path = box.layout.settings.joinpath(*sysctl.parts_of(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{value}\n", encoding="ascii")


@pytest.fixture
def box(enrolled: Box) -> Box:
    """A machine whose owner filters strictly, and that forwards nothing."""
    _has(enrolled, FILTER, "1")
    _has(enrolled, FORWARD, "0")
    return enrolled


def _live(box: Box) -> tuple[str, str]:
    return sysctl.read(box.machine, FILTER), sysctl.read(box.machine, FORWARD)


def _confirmed(box: Box, new: Recipe) -> list[str]:
    about, told = flipped(box, new)
    verbs.confirm(box.machine, about)
    verbs.release(box.machine, {"id": "x"})
    return [what for what in told["touched"] if what.startswith("sysctl")]


def test_what_a_generation_brings_no_more_is_what_it_was(box: Box) -> None:
    """Also after a reboot in between, which brings it without the tool; and it is forgotten then.

    Forwarding alone is not put back: who forwards without being told to is a container engine.
    """
    _confirmed(box, ROUTER)
    assert _live(box) == ("2", "1")
    box.kernel.boot()
    assert _confirmed(box, OLD) == [f"sysctl {FILTER}: back"]
    assert _live(box) == ("1", "1")
    _has(box, FILTER, "0")
    assert _confirmed(box, replace(OLD, extra="other")) == [], "it is the owner's again"


def test_a_rollback_takes_it_away_and_brings_it_again(box: Box) -> None:
    """From the generation that brings it, and from the one that does not, to the one before."""
    about, _ = flipped(box, ROUTER)
    verbs.rollback(box.machine, about)
    assert _live(box)[0] == "1"
    verbs.release(box.machine, {"id": "x"})
    _confirmed(box, ROUTER)
    about, _ = flipped(box, OLD)
    assert _live(box)[0] == "1"
    verbs.rollback(box.machine, about)
    assert _live(box)[0] == "2"
    verbs.release(box.machine, {"id": "x"})
    _confirmed(box, OLD)
    assert _live(box)[0] == "1"


FORWARDS = "net.ipv6.conf.all.forwarding = 1"


@pytest.fixture
def gateway(tmp_path: Path) -> Machine:
    """One with a tunnel and four interfaces; a daemon hears routers on `eth1` in its stead."""
    machine = daemon(tmp_path, 0)[0].machine
    for name, value in {"all": 1, "eth0": 1, "eth0.5": 1, "eth1": 0, "wg1": 1}.items():
        path = machine.layout.settings / "net/ipv6/conf" / name / "accept_ra"
        path.parent.mkdir(parents=True)
        path.write_text(f"{value}\n", encoding="ascii")
    return machine


def _told(machine: Machine, *, hears: bool) -> None:
    lines = [FORWARDS, *([] if hears else ["net.ipv6.conf.all.accept_ra = 0"])]
    file = machine.layout.generation(GENERATION) / "sysctl.conf"
    file.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")


def _accepts(machine: Machine) -> dict[str, str]:
    folder = machine.layout.settings / "net/ipv6/conf"
    found = {path.parent.name: path for path in sorted(folder.glob("*/accept_ra"))}
    return {name: path.read_text(encoding="ascii").strip() for name, path in found.items()}


def _changes(machine: Machine) -> list[str]:
    made = list(settings.changes(machine, generations.load(machine, GENERATION)))
    for _, change, _ in made:
        change()
    return [what for what, _, _ in made]


def test_a_gateway_goes_on_to_hear_its_router(gateway: Machine) -> None:
    """Before it forwards; what heard none still hears none, and as a leaf all is as it was."""
    _told(gateway, hears=True)
    file = gateway.layout.generation(GENERATION) / "sysctl.conf"
    forwards = gateway.layout.settings / "net/ipv6/conf/all/forwarding"
    forwards.write_text("0\n", encoding="ascii")
    assert _changes(gateway) == [
        "sysctl net.ipv6.conf.eth0.accept_ra",
        "sysctl net.ipv6.conf.eth0/5.accept_ra",
        "sysctl net.ipv6.conf.all.forwarding",
    ]
    assert _accepts(gateway) == {"all": "1", "eth0": "2", "eth0.5": "2", "eth1": "0", "wg1": "1"}
    assert _changes(gateway) == []
    file.write_text("", encoding="ascii")
    assert [what for what in _changes(gateway) if what.endswith("back")] == [
        "sysctl net.ipv6.conf.eth0.accept_ra: back",
        "sysctl net.ipv6.conf.eth0/5.accept_ra: back",
    ]
    assert _accepts(gateway)["eth0"] == "1"


def test_after_a_boot_the_watch_sees_to_it(gateway: Machine) -> None:
    """It asks for a router too; where the cloud advertises none, nothing is done."""
    _told(gateway, hears=False)
    advertised.hear(gateway)
    assert _accepts(gateway)["eth0"] == "1"
    _told(gateway, hears=True)
    advertised.hear(gateway)
    assert _accepts(gateway)["eth0"] == "2"


def test_what_forwarding_resets_is_written_after_it(box: Box) -> None:
    """The kernel lets redirects be as is right for a host, or for a router (ip-sysctl.rst)."""
    redirects, other = "net.ipv4.conf.all.accept_redirects", "net.ipv4.conf.all.log_martians"
    for name, value in ((redirects, "0"), (other, "0"), (FORWARD, "1")):
        _has(box, name, value)
    file = box.layout.state / "sysctl.conf"
    lines = {redirects: "0", other: "1", FORWARD: "0"}
    file.write_text("".join(f"{name} = {value}\n" for name, value in lines.items()))
    order = [(FORWARD, "0"), (other, "1"), (redirects, "0")]
    assert sysctl.differences(box.machine, file) == order
    _has(box, FORWARD, "0")
    assert sysctl.differences(box.machine, file) == [(other, "1")]
