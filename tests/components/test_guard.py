"""The lab's guard and the runner's know each other."""

from ipaddress import ip_network

import yaml

from backplane.declaration import parse
from backplane.plan import plan
from components.link import guards
from lab.network import guard
from runner.wire import ROUTE_PROTOCOL
from tests.components.recorder import ROOT


def test_what_the_runner_leaves_is_what_the_lab_takes_away() -> None:
    """Every route that stack `lab` leaves on its runner lies where `lab down` looks for it."""
    text = (ROOT / "stacks" / "Pulumi.lab.yaml").read_text()
    mesh = plan(
        parse(yaml.safe_load(text)["config"]["backplane:mesh"]), project="backplane", stack="lab"
    )
    swept = [ip_network(network) for network in guard.RUNNER_LEFT]
    for network in guards(mesh):
        left = ip_network(network)
        assert any(left.version == one.version and left.subnet_of(one) for one in swept), network  # type: ignore[arg-type]
    assert guard._RUNNER_PROTOCOL == ROUTE_PROTOCOL
