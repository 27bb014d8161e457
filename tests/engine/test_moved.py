"""A provider is down: its site is built anew at another one, under the same ids, on paper."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api_server import ApiServer
from tests.aws_server import AwsServer, serving
from tests.engine.paper import HANDS_OFF, declare
from tests.pulumi_project import PulumiProject

MESH: dict[str, Any] = {
    "sites": {
        "fsn": {"id": 1, "location": "fsn1", "nodes": {"fsn-a": {"id": 1}}},
        "fra": {"id": 2, "cloud": "aws", "location": "eu-central-1", "nodes": {"fra-a": {"id": 1}}},
    },
}
NOBODY = "http://127.0.0.1:9/v1"
"""Where no API is: port 9 refuses."""


@pytest.fixture
def aws(tmp_path: Any) -> Any:  # noqa: ANN401 - pytest's own types
    """The other cloud, on paper."""
    with serving(tmp_path / "aws") as server:
        yield server


def test_a_site_moves_while_its_provider_is_down(
    project: PulumiProject, api: ApiServer, aws: AwsServer
) -> None:
    """Protection goes by `retire`, then the machine stands at the other cloud, rolled out to.

    Its plane addresses are what they were. What is left at the cloud that is down makes that `up`
    fail at its end and no sooner; once the cloud is back, a plain one takes it away.
    """
    project.env.update(aws.environment())
    there = project.env["HCLOUD_ENDPOINT"]
    project.program(HANDS_OFF)
    declare(project, MESH)
    project.up()
    before = project.outputs()["nodes"]
    machines = {str(server.name) for server in api.client().servers.get_all()}
    assert machines == {"fsn-a"}

    project.env["HCLOUD_ENDPOINT"] = NOBODY
    leaving = {"id": 1, "location": "fsn1", "nodes": {"fsn-a": {"id": 1, "retire": True}}}
    declare(project, {"sites": {**MESH["sites"], "fsn": leaving}})
    project.up()
    moved = {
        "id": 1,
        "cloud": "aws",
        "location": "eu-central-1",
        "nodes": {"fsn-a": {"id": 1, "incarnation": 2}},
    }
    declare(project, {"sites": {**MESH["sites"], "fsn": moved}})
    cut = project.up(check=False)
    assert cut.code != 0
    after = project.outputs()["nodes"]
    assert after["fsn-a"]["endpoint"] != before["fsn-a"]["endpoint"]
    assert after["fsn-a"]["addresses"] == before["fsn-a"]["addresses"]
    kept = project.resources()
    assert kept["mesh-command"]["modified"] > kept["fsn-a-enroll"]["created"]
    assert {str(one.name) for one in api.client().servers.get_all()} == machines

    project.env["HCLOUD_ENDPOINT"] = there
    project.up()
    assert project.steps() == {}
    assert api.client().servers.get_all() == []
    assert api.client().primary_ips.get_all() == []
