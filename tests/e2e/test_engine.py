"""What the real engine makes of a run's project: it takes the words, and everything is labelled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.setup import toolchain
from tests.api_server import ApiServer
from tests.e2e import workspace
from tests.e2e.attention import Attention
from tests.e2e.clouds import HETZNER
from tests.e2e.commands import BrokenError, Commands
from tests.e2e.fakes import STACK
from tests.e2e.offer import LABEL

pytestmark = pytest.mark.engine

_LABELLED = ("server:Server", "primaryIp:PrimaryIp", "firewall:Firewall", "sshKey:SshKey")


@pytest.fixture
def commands(api: ApiServer, tmp_path: Path) -> Commands:
    """A run's own project and state, its cloud the lab's books."""
    given = {**toolchain.environment(), **api.environment()}
    return workspace.make(tmp_path, HETZNER, STACK, given, Attention())


def _pulumi(commands: Commands, *words: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(commands.run("pulumi", *words, "--non-interactive", limit=300, quiet=True))


def test_everything_that_a_run_makes_carries_its_label(commands: Commands) -> None:
    """All that can have one; the stack's file keeps its declaration when the stack is made."""
    commands.run("pulumi", "stack", "init", STACK, "--non-interactive", limit=60)
    path = commands.directory / "stacks" / f"Pulumi.{STACK}.yaml"
    told = yaml.safe_load(path.read_text())
    assert told["config"]["backplane:mesh"] == HETZNER.mesh(STACK)
    assert told["encryptionsalt"]
    preview = _pulumi(commands, "preview", "--json", "--stack", STACK)
    made = [step["newState"] for step in preview["steps"] if step["newState"].get("custom")]
    clouds = [one for one in made if one["type"].startswith("hcloud:")]
    assert {one["type"].removeprefix("hcloud:index/") for one in clouds} == set(_LABELLED)
    assert all(one["inputs"]["labels"][LABEL] == STACK for one in clouds)
    named = {(one["type"], one["inputs"]["name"]) for one in clouds}
    assert len(named) == len(clouds)
    assert all(name.startswith(STACK) for _, name in named)
    assert not any(one.get("protect") for one in made)


def test_a_change_where_none_is_expected_is_an_error(commands: Commands) -> None:
    """As of a mesh that is not there yet."""
    commands.run("pulumi", "stack", "init", STACK, "--non-interactive", limit=60)
    words = ("pulumi", "preview", "--expect-no-changes", "--stack", STACK, "--non-interactive")
    with pytest.raises(BrokenError, match="pulumi preview ended with"):
        commands.run(*words, limit=300)
    assert "no changes were expected" in commands.log.read_text()
