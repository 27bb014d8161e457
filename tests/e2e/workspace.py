"""A run's own project, state and passphrase; with the folder all of it is gone."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.e2e.attention import Attention
from tests.e2e.commands import Commands
from tests.e2e.offer import Cloud
from tests.lab.mesh import checkout

_NOT_OURS = ("PULUMI_", "BACKPLANE_", "SSH_AUTH_SOCK")
_KEPT = ("PULUMI_HOME", "PULUMI_SKIP_UPDATE_CHECK", "PULUMI_SKIP_CONFIRMATIONS")


def environment(given: Mapping[str, str], state: Path) -> dict[str, str]:
    """What programs get: the caller's, without any backend, passphrase or runner of the caller's.

    Args:
        given: what `lab.setup.toolchain.environment` gives.
        state: the folder of the file backend.
    """
    kept = {
        name: value
        for name, value in given.items()
        if name in _KEPT or not name.startswith(_NOT_OURS)
    }
    return {
        **kept,
        "NO_COLOR": "1",
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": secrets.token_urlsafe(32),
    }


def make(
    folder: Path, cloud: Cloud, stack: str, given: Mapping[str, str], attention: Attention
) -> Commands:
    """Make them below `folder`, which also gets the log.

    The state has keys, so the folder is for its owner's eyes alone.
    """
    work = folder / "work"
    state = work / "state"
    state.mkdir(mode=0o700, parents=True)
    work.chmod(0o700)
    project = checkout(work / "project")
    text = yaml.safe_dump({"config": {"backplane:mesh": cloud.mesh(stack)}}, sort_keys=False)
    (project / "stacks" / f"Pulumi.{stack}.yaml").write_text(text, encoding="utf-8")
    return Commands(
        directory=project,
        environment=environment(given, state),
        log=folder / "log.txt",
        say=attention.say,
        attention=attention,
    )
