"""Machines in use, open to the world: refused, hurt at each step, and taken over.

Two of them and one of the cloud's are to be one mesh. `make test` breaks the first of the steps,
`make faults` each of them. Goes on in test_takeover_back.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from lab.faults import path
from lab.process import wait_until
from tests.lab.blows import BLOWS, Blow, struck
from tests.lab.found import ROOTS, SUDOS, TIMER, Found, held
from tests.lab.mesh import STACK
from tests.lab.running import Running
from tests.lab.ward import GRACE

pytestmark = pytest.mark.timeout(500)

BOTH = (ROOTS, SUDOS)

SILENCE = 2.0
"""Seconds that a session which speaks five times a second may be silent on a busy computer."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Break the steps that were asked for."""
    if "blow" in metafunc.fixturenames:
        every = metafunc.config.getoption("--every-fault")
        metafunc.parametrize("blow", BLOWS if every else BLOWS[:1], ids=str)


def declare(found: Found, name: str, **machine: object) -> Callable[[], None]:
    """Declare a machine otherwise; gives what takes that back."""

    def put(told: dict[str, object]) -> None:
        found.mesh.declare(
            lambda declared: declared["sites"]["rack"]["nodes"][name]["machine"].update(told)
        )

    nodes = found.node(name, 1)["machine"]
    back = {"port": 22, **{key: nodes[key] for key in machine if key in nodes}}
    put(machine)
    return lambda: put(back)


# Before


def test_the_machines_are_open(found: Found) -> None:
    """A stranger finds sshd, nginx and PostgreSQL on both, and their owner gets in."""
    for name in BOTH:
        found.as_before(name)


def test_what_cannot_be_taken_over_is_told_whole(found: Found) -> None:
    """Another system, a WireGuard of its own and containers: named at once, with what to do.

    Of the other machine it is told that root is not to be had. Nothing is on either afterwards.
    """
    root, sudo = (found.on(name) for name in BOTH)
    root.succeed(
        "mkdir -p /etc/wireguard && touch /etc/wireguard/home.conf && ip link add docker0 type "
        "bridge && sed 's/^VERSION_ID=.*/VERSION_ID=11/' /etc/os-release > /run/other-release && "
        "mount --bind /run/other-release /usr/lib/os-release"
    )
    sudo.succeed("mkdir /run/aside && mv /etc/sudoers.d/* /run/aside/")
    try:
        done = found.up()
    finally:
        root.succeed(
            "umount /usr/lib/os-release; ip link del docker0; rm -r /etc/wireguard/home.conf"
        )
        sudo.succeed("mv /run/aside/* /etc/sudoers.d/; rmdir /run/aside")
    assert done.code != 0
    said = done.diagnostics
    for words in (
        "web-1 cannot be taken over: it runs Debian GNU/Linux 12 (bookworm), and Debian 12",
        "it has a WireGuard of its own (/etc/wireguard/home.conf)",
        "forwards over docker0",
        "bridges: [docker0]",
        "db-1: admin may not run commands as root without a password",
        "NOPASSWD",
    ):
        assert words in said, said
    for name in BOTH:
        found.as_before(name)
        found.on(name).fail("ls /usr/local/sbin/backplane-node")


def test_who_is_not_reached_is_told(found: Found) -> None:
    """Another host key than the declared one, and a port where nobody answers."""
    restore = (
        declare(found, ROOTS, host_key=found.host_keys[SUDOS]),
        declare(found, SUDOS, port=2222),
    )
    try:
        done = found.up()
    finally:
        for one in restore:
            one()
    assert done.code != 0
    said = done.diagnostics
    assert "web-1: the sshd at" in said
    assert "shows another host key than `host_key` says: SHA256:" in said
    assert "db-1: no sshd with an ed25519 host key answers at" in said
    assert "port 2222" in said
    for name in BOTH:
        found.as_before(name)


# Broken in the middle


def test_a_broken_step_leaves_the_machines_as_they_were(found: Found, blow: Blow) -> None:
    """Whatever breaks, at whichever step: the owner gets in as before, and `up` says what broke."""
    with struck(found, blow):
        running = Running.up(found.mesh, environment=found.environment)
        with ThreadPoolExecutor() as pool:
            # At the same time: each in the middle of its own machine's step.
            rows = [(name, *strike) for name, strike in blow.strikes.items()]
            list(pool.map(lambda row: _strike(found, running, *row), rows))
        done = running.end()
    assert done.code != 0
    for name, words in blow.said.items():
        if words not in done.out or f"open at {found.user(name)}@" not in done.out:
            pytest.fail(f"{name} did not say {words!r}, or that it is open:\n{done.diagnostics}")
    for name in BOTH:
        _back(found, name)


def _strike(found: Found, running: Running, name: str, line: str, what: str) -> None:
    running.seen(f"{name}: {line}")
    machine = found.mesh.lab.machine(name)
    if what == "power":
        machine.cut()
        machine.start()
    else:
        # Longer than its timer runs: it goes back by itself.
        with path.blocked(found.mesh.lab.lab, path.RUNNER, machine):
            found.on(name).wait_until_succeeds("! ip link show wg0", TIMER + GRACE)


def _back(found: Found, name: str) -> None:
    wait_until(f"{name} as before", partial(found.enters, name), seconds=TIMER + GRACE)
    # Where undoing met what had ailed the machine, its timer goes on.
    found.on(name).wait_until_succeeds("! test -e /var/lib/backplane/before.json", TIMER + GRACE)
    found.as_before(name)


# Taken over


def test_both_become_dark_in_one_up(found: Found) -> None:
    """A stranger finds nothing any more; until sshd answers on the plane no session was cut."""
    with ThreadPoolExecutor() as pool, held(found, ROOTS) as root, held(found, SUDOS) as sudo:
        running = Running.up(found.mesh, environment=found.environment)
        moments = {
            name: pool.submit(running.seen, f"{name}: sshd answers on the plane", 200)
            for name in BOTH
        }
        done = running.end(300)
        for name, session in ((ROOTS, root), (SUDOS, sudo)):
            at = moments[name].result()
            assert session.ended is None or session.ended > at
            assert session.longest(at) < SILENCE, name
    assert done.code == 0, done.out
    for name in BOTH:
        assert found.scan(name) == {}
        assert not found.enters(name)


def test_the_mixed_mesh_is_whole(found: Found) -> None:
    """`verify` is green over the cloud's and both others; their owner's services are hidden."""
    verdict = found.mesh.verify()
    assert verdict["ok"], json.dumps(verdict, indent=1)
    assert verdict["pairs"] == {**verdict["pairs"], "expected": 48, "reached": 48}
    assert verdict["listeners"]["hidden"] == 2 * 2 * 2
    assert set(found.mesh.must("preview").counts) == {"unchanged"}
    drift = found.mesh.backplane("drift", "--stack", STACK, "--json")
    assert drift.code == 0, drift.out


def test_boot_finds_them_dark(found: Found) -> None:
    """A power cut later both come back on the planes, and a stranger finds nothing meanwhile."""
    for name in BOTH:
        found.mesh.lab.power_cut(name)
        found.mesh.lab.machine(name).start()
    assert found.scan(ROOTS) == {}
    assert found.mesh.verify(60)["ok"]
    for name in BOTH:
        assert found.scan(name) == {}
