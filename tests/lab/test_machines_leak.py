"""Nothing meant for a lab leaves by a real interface, and a lab leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from lab import cgroups
from lab.control import services, switch
from lab.driver import MachineSpec
from lab.layout import Lab
from lab.machines.machine import Machine
from lab.network import guard
from lab.network.namespace import Namespace
from lab.process import Process, run
from tests.lab.verbs import TestLab, begin, own_name

pytestmark = pytest.mark.lab

_TARGETS = (
    "198.51.100.17",
    "198.51.100.200",
    "10.200.1.1",
    "10.203.2.1",
    "10.254.0.1",
    "2001:db8:1:1::1",
    "fd12:3456:789a:1::101",
)
_FILTER = (
    "net 198.51.100.0/24 or net 10.200.0.0/13 or net 10.254.0.0/16 or net 2001:db8::/32 "
    "or net fd12:3456:789a::/48"
)


class _Count:
    """How many packets a capture has seen."""

    packets = 0


@contextmanager
def _captured(interface: str, *, inside: Namespace) -> Iterator[_Count]:
    """Count the packets to and from the lab's networks on an interface."""
    capture = subprocess.Popen(
        (*inside.entry, "tcpdump", "--immediate-mode", "-l", "-n", "-i", interface, _FILTER),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert capture.stderr is not None
    for line in capture.stderr:
        if line.startswith("listening on"):
            break
    count = _Count()
    yield count
    time.sleep(0.5)  # the packets' way to the capture, which nothing announces
    capture.send_signal(signal.SIGINT)
    output, _ = capture.communicate(timeout=20)
    count.packets = sum(" IP" in line for line in output.splitlines())


def _dial(place: Namespace) -> list[bool]:
    """Send to each of the lab's networks; return whether the first step failed at once."""
    script = (
        "import socket, sys\n"
        "for address in sys.argv[1:]:\n"
        "  family = socket.AF_INET6 if ':' in address else socket.AF_INET\n"
        "  with socket.socket(family, socket.SOCK_DGRAM) as one:\n"
        "    try:\n"
        "      one.connect((address, 51820)); one.send(b'x'); print('sent')\n"
        "    except OSError:\n"
        "      print('refused')\n"
    )
    said = place.run(sys.executable, "-c", script, *_TARGETS).split()
    return [word == "refused" for word in said]


def _real_interfaces() -> list[str]:
    return [link.name for link in Path("/sys/class/net").iterdir() if (link / "device").exists()]


def test_what_is_meant_for_a_lab_stays_here(bare_lab: TestLab) -> None:
    """Dialled from this computer, lab addresses fail at once: no packet on a real interface."""
    assert guard.stands()
    if _hosted():
        pytest.skip("the default lab is up: its addresses are reachable on purpose")
    interfaces = _real_interfaces()
    assert interfaces
    del bare_lab
    for interface in interfaces:
        with _captured(interface, inside=Namespace(None)) as count:
            assert all(_dial(Namespace(None)))
        assert count.packets == 0


def test_without_the_guard_the_same_capture_sees_the_leak() -> None:
    """The negative: a computer with a default route and no guard sends it all out."""
    here, there = Namespace(own_name("-leak-a")), Namespace(own_name("-leak-b"))
    here.create()
    there.create()
    try:
        here.ip(f"link add wan type veth peer name wan netns {there.name}")
        there.ip("link set wan up", "address add 192.88.98.1/24 dev wan")
        here.ip(
            "link set wan up",
            "address add 192.88.98.2/24 dev wan",
            "address add 3fff::2/64 dev wan nodad",
            "neighbour add 192.88.98.1 lladdr 02:00:00:00:00:01 dev wan",
            "neighbour add 3fff::1 lladdr 02:00:00:00:00:01 dev wan",
            "route add default via 192.88.98.1",
            "route add ::/0 via 3fff::1",
        )
        with _captured("wan", inside=here) as count:
            assert not any(_dial(here))
        assert count.packets == len(_TARGETS)
    finally:
        here.delete()
        there.delete()


def _hosted() -> bool:
    return Namespace(Lab().namespace("core")).exists


def _traces(name: str) -> dict[str, list[str]]:
    """Return all that this computer shows of a lab, and what labs share with it."""
    processes = [
        line
        for line in run("ps", "-eo", "pid,args").splitlines()
        if name in line and str(os.getpid()) not in line.split()[:1] and "pytest" not in line
    ]
    groups = [str(path) for path in cgroups.groups() if path.name.startswith(name)]
    files = [
        str(path)
        for place in (Lab(name).state, Lab(name).run, Path(f"/run/netns/bp-{name}-core"))
        if (path := place).exists()
    ]
    return {
        "processes": processes,
        "mounts": [
            line for line in Path("/proc/self/mounts").read_text().splitlines() if name in line
        ],
        "namespaces": [line for line in run("ip", "netns").splitlines() if name in line],
        "loops": [
            line
            for line in run("losetup", "--list", "--noheadings").splitlines()
            if f"/{name}/" in line
        ],
        "cgroups": groups,
        "files": files,
    }


def _host() -> dict[str, str]:
    """Return this computer's own network: links, addresses, routes, rules."""
    return {
        "links": run("ip", "-brief", "link"),
        "addresses": run("ip", "-brief", "address"),
        "routes": run("ip", "-4", "route", "show", "table", "all"),
        "routes6": run("ip", "-6", "route", "show", "table", "all"),
        "firewall": run("nft", "list", "ruleset"),
    }


@pytest.fixture
def doomed() -> Iterator[Lab]:
    """The name of a lab for a test that ends it in a bad way."""
    lab = Lab(own_name("-doomed"))
    yield lab
    switch.down(lab)


def _machine(lab: Lab) -> Machine:
    machine = Machine(lab, 7)
    machine.create(
        MachineSpec(
            id=7,
            name="victim",
            image="debian-12",
            user_data="",
            ipv4="198.51.100.17",
            ipv6="2001:db8:1:1::/64",
            ssh_keys=(),
            rules=(),
        )
    )
    machine.start()
    return machine


def test_down_leaves_nothing(doomed: Lab) -> None:
    """A lab whose parts were killed is gone after one `down`; a second one is fine."""
    begin(doomed.name)
    machine = _machine(doomed)
    there = _traces(doomed.name)
    assert all(there[kind] for kind in ("processes", "namespaces", "loops", "cgroups", "files"))
    for victim in (
        Process.read(services.record(doomed, "api")),
        Process.of(machine.supervisor or 0),
    ):
        assert victim is not None
        victim.end()
    switch.down(doomed)
    assert _traces(doomed.name) == {kind: [] for kind in there}
    switch.down(doomed)


def test_down_restores_this_computers_network(doomed: Lab) -> None:
    """Links, addresses, routes and firewall are byte for byte what they were before `up`."""
    if any(Lab("x").run.parent.glob("*/guarded")):
        # Other labs hold the guard: it must then stay.
        begin(doomed.name)
        switch.down(doomed)
        assert guard.stands()
        return
    before = _host()
    begin(doomed.name)
    assert _host() != before
    switch.down(doomed)
    assert _host() == before


@pytest.mark.parametrize("after", [0.15, 0.4, 0.8, 1.6])
def test_an_up_that_was_killed_leaves_nothing_either(doomed: Lab, after: float) -> None:
    """`up` killed at different moments: `down` clears it, and the next `up` works."""
    script = "import sys; from lab.control import switch; from lab.layout import Lab; "
    half = subprocess.Popen(
        (sys.executable, "-c", script + "switch.up(Lab(sys.argv[1]))", doomed.name),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with suppress(subprocess.TimeoutExpired):
        half.wait(after)
    with suppress(ProcessLookupError):
        os.killpg(half.pid, signal.SIGKILL)
    half.wait()
    switch.down(doomed)
    assert not any(_traces(doomed.name).values())


def test_an_up_after_a_killed_one_is_whole(doomed: Lab) -> None:
    """Half a lab is made whole by the next `up`."""
    begin(doomed.name)
    Namespace(doomed.namespace("internet")).delete()
    lab = begin(doomed.name)
    assert lab.cloud(lambda client: client.servers.get_all()) == []
    lab.stranger.succeed("ip link show eth0")


def test_the_default_labs_runner_is_this_computer() -> None:
    """The default lab hangs this computer on its internet by one veth, and takes it away again."""
    if _hosted():
        pytest.skip("the default lab is in use on this computer")
    lab = Lab()
    before = _host()["links"]
    switch.up(lab)
    try:
        run("ping", "-c", "1", "-W", "1", "198.51.100.3")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.connect(("198.51.100.17", 1))
            assert one.getsockname()[0] == "198.51.100.2"
    finally:
        switch.down(lab)
    assert _host()["links"] == before
