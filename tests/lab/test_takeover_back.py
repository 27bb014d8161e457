"""Machines that were taken over are given back; one is struck while it is taken over again.

Goes on where test_takeover.py ends. `make test` kills everything behind the last step but one,
`make faults` cuts the power there as well.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from lab.faults import processes
from lab.process import wait_until
from tests.lab.found import OPEN, ROOTS, SUDOS, TIMER, Found
from tests.lab.mesh import STACK
from tests.lab.running import Running
from tests.lab.ward import GRACE

pytestmark = pytest.mark.timeout(500)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Strike as was asked for."""
    if "how" in metafunc.fixturenames:
        every = metafunc.config.getoption("--every-fault")
        metafunc.parametrize("how", ["killed", "power"] if every else ["killed"])


def test_what_is_not_given_back_is_not_destroyed(found: Found) -> None:
    """A node whose machine is still dark does not go; the words say how it would."""
    nodes: dict[str, Any] = {}
    found.mesh.declare(
        lambda declared: (
            nodes.update(declared["sites"]["rack"]["nodes"])
            or declared["sites"]["rack"]["nodes"].pop(SUDOS)
        )
    )
    done = found.up()
    assert done.code != 0
    assert "db-1: no sshd answers at" in done.out
    assert "backplane release db-1" in done.out
    found.mesh.declare(lambda declared: declared["sites"]["rack"].update(nodes=nodes))
    assert found.up().code == 0
    assert found.mesh.verify()["ok"]


def test_given_back_it_is_what_it_was(found: Found) -> None:
    """Open as before, with nothing of ours left; then the stack lets it go and the rest goes on."""
    asked = found.mesh.backplane("release", SUDOS, "--stack", STACK)
    assert asked.code == 1
    assert "release db-1 --yes" in asked.err
    assert found.scan(SUDOS) == {}
    entry = found.on(SUDOS).succeed("getent shadow root")
    assert entry.startswith("root:$2b$05$")
    assert entry != found.shadow[SUDOS]
    _released(found, SUDOS)
    assert found.mesh.verify()["ok"]


def _released(found: Found, name: str) -> None:
    """Give a machine back, find it as it was, and take its node off."""
    done = found.mesh.backplane("release", name, "--stack", STACK, "--yes", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["released"]
    # It was open when the verb ended; the rest of the program goes by itself.
    found.on(name).wait_until_succeeds("! test -e /usr/local/sbin/backplane-node", 60)
    found.on(name).wait_until_succeeds("! ls -A /var/lib/backplane 2>/dev/null | grep -q .", 10)
    found.as_before(name)
    found.on(name).fail("grep backplane /etc/hosts")
    found.mesh.declare(lambda declared: declared["sites"]["rack"]["nodes"].pop(name))
    assert found.up().code == 0


def test_struck_when_it_is_closed(found: Found, how: str) -> None:
    """Everything of pulumi's is killed, or the machine's power cut: as before, or on the plane.

    It is so within its timer, and the next `up`, behind `recover` where pulumi was killed, takes
    it over; what was taken over before is not disturbed.
    """
    found.mesh.declare(
        lambda declared: declared["sites"]["rack"]["nodes"].update({SUDOS: found.node(SUDOS, 2)})
    )
    running = Running.up(found.mesh, environment=found.environment)
    running.seen(f"{SUDOS}: closed, and reached over the plane")
    if how == "power":
        found.mesh.lab.power_cut(SUDOS)
        found.mesh.lab.machine(SUDOS).start()
    else:
        processes.kill_all(running.top)
    began = time.monotonic()
    running.end()

    def settled() -> bool:
        kept = found.on(SUDOS).run("test -e /var/lib/backplane/confirmed", 20).returncode == 0
        return kept or found.enters(SUDOS)

    wait_until(f"{SUDOS} somewhere", settled, seconds=TIMER + GRACE)
    assert time.monotonic() - began < TIMER + GRACE
    if how == "killed":
        done = found.mesh.backplane("recover", "--stack", STACK, "--yes", "--json")
        assert done.code == 0, done.err
    again = found.up()
    assert again.code == 0, again.out
    assert found.mesh.verify()["ok"]
    assert found.scan(SUDOS) == {}
    _released(found, SUDOS)


def test_a_machine_that_would_not_be_reached_is_not_given_back(found: Found) -> None:
    """While nobody gets through to its public address it stays dark, and on the planes."""
    place = found.on(ROOTS)
    place.succeed(
        "nft add table inet house; nft 'add chain inet house input { type filter hook input "
        "priority -5; }'; nft 'add rule inet house input iifname eth0 tcp dport 22 drop'"
    )
    try:
        done = found.mesh.backplane("release", ROOTS, "--stack", STACK, "--yes")
    finally:
        place.succeed("nft delete table inet house")
    assert done.code == 1
    assert "does not answer: nobody would reach it" in done.err
    assert found.mesh.verify()["ok"]
    assert found.scan(ROOTS) == {}


def test_destroy_leaves_machines_that_were_given_back(found: Found) -> None:
    """Destroy stops at the one that is dark; given back, all of the stack goes and it stays."""
    words = ("destroy", "--yes", "--skip-preview")
    refused = found.mesh.pulumi(*words)
    assert refused.code != 0
    assert "backplane release web-1" in refused.out
    done = found.mesh.backplane("release", ROOTS, "--stack", STACK, "--yes")
    assert done.code == 0, done.err
    found.on(ROOTS).wait_until_succeeds("! test -e /usr/local/sbin/backplane-node", 60)
    found.mesh.must(*words)
    found.as_before(ROOTS)
    assert set(found.mesh.servers()) == {ROOTS, SUDOS}
    assert all(state == "open" for port, state in found.scan(ROOTS).items() if port in OPEN)
