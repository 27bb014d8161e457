"""One lab of the tests' own, with two machines on two sites, booted once a session.

    def test_example(pair: TestLab) -> None:
        pair.on("fsn-a").succeed("systemctl is-system-running --wait")

`bare_lab` is a lab without a server; `pair` is the same lab with the two. Both outlive a test,
so a test that changes something puts it back.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hcloud import Client
from hcloud.firewalls.domain import FirewallRule
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.server_types import ServerType

from lab.control import switch
from tests.lab.flow import PAIR, Flow
from tests.lab.found import Found
from tests.lab.mesh import Mesh
from tests.lab.routed import Routed
from tests.lab.verbs import TestLab, begin, own_name
from tests.lab.ward import Ward

USER_DATA = (Path(__file__).parent / "user_data.yaml").read_text()
ANYWHERE = ["0.0.0.0/0", "::/0"]
PORTS = (51820, 51821, 51822, 51823)
RULES = [
    FirewallRule(direction="in", protocol="udp", port=str(port), source_ips=ANYWHERE)
    for port in PORTS
]


@pytest.fixture(scope="session")
def bare_lab() -> Iterator[TestLab]:
    """A lab that is up and has no server of its own accord."""
    made = begin(own_name())
    yield made
    switch.down(made.lab)


def _order(client: Client) -> None:
    """Order a firewall with the four ports, and two servers behind it."""
    firewall = client.firewalls.create(name="dark", rules=RULES).firewall
    for name, location in (("fsn-a", "fsn1"), ("hel-a", "hel1")):
        answer = client.servers.create(
            name=name,
            server_type=ServerType(name="cx23"),
            image=Image(name="debian-12"),
            location=Location(name=location),
            firewalls=[firewall],
            user_data=USER_DATA,
        )
        answer.action.wait_until_finished()
        for action in answer.next_actions:
            action.wait_until_finished()


@pytest.fixture(scope="session")
def pair(bare_lab: TestLab) -> TestLab:
    """The lab with servers fsn-a and hel-a, whose first boot has come to its end."""
    bare_lab.cloud(_order)
    for name in ("fsn-a", "hel-a"):
        bare_lab.on(name).wait_until_succeeds("test -e /run/first-boot-done", 120)
    return bare_lab


@pytest.fixture
def flow(mesh: Mesh) -> Flow:
    """Meters on two nodes of the mesh, not running yet."""
    return Flow(mesh.lab, PAIR)


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Stack `lab`, brought up by the real engine with a stranger at the door since before."""
    made = Mesh.make(tmp_path_factory.mktemp("mesh"))
    try:
        made.first_light()
        yield made
    finally:
        made.end()


@pytest.fixture(scope="session")
def routed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Routed]:
    """Three sites with two gateways and a leaf each, `topology: routed`, all sessions up."""
    made = Routed.make(tmp_path_factory.mktemp("routed"))
    yield made
    made.end()


@pytest.fixture(scope="session")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    """Two machines in use, as their owner left them, in a lab of their own."""
    made = Found.make(tmp_path_factory.mktemp("found"))
    yield made
    made.end()


@pytest.fixture(scope="session")
def ward(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Ward]:
    """A mesh of its own, with the shortest timer; its figures are shown at its end."""
    made = Ward.make(tmp_path_factory.mktemp("ward"))
    yield made
    made.end()
    plugins = request.config.pluginmanager
    capture, terminal = plugins.getplugin("capturemanager"), plugins.getplugin("terminalreporter")
    if capture is not None and terminal is not None and made.figures:
        # What is written while a fixture ends is captured, and shown only after a failure.
        with capture.global_and_fixture_disabled():
            terminal.write_line(made.table())
