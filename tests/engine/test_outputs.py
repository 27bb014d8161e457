"""The outputs as others read them, through the real engine: by the command, by another stack."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from backplane import contract
from backplane.render.export import FORMATS, ansible
from tests.api_server import serving
from tests.engine.conftest import Sshd, new_key
from tests.engine.paper import HANDS_OFF, ROOT, declare
from tests.pulumi_project import PulumiProject

SECRETS = {"console", "guests", "operators", "runner"}
COMMAND = Path(sys.executable).with_name("backplane")


@pytest.fixture(scope="module")
def producer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulumiProject]:
    """A mesh of two nodes in the state, by this repository's program; no node was touched."""
    folder = tmp_path_factory.mktemp("producer")
    with serving(folder / "api") as api:
        project = PulumiProject.make(folder)
        project.env.update(api.environment())
        project.program(HANDS_OFF)
        text = (ROOT / "stacks" / "Pulumi.lab.yaml").read_text()
        mesh: dict[str, Any] = yaml.safe_load(text)["config"]["backplane:mesh"]
        del mesh["sites"]["hel"], mesh["replicate"]
        declare(project, mesh)
        project.up()
        yield project


def _without_passphrase(project: PulumiProject) -> dict[str, str]:
    return {name: value for name, value in project.env.items() if "PASSPHRASE" not in name}


def _export(project: PulumiProject, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *words, "--stack", "test"],
        cwd=project.directory,
        env=_without_passphrase(project),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_command_needs_no_passphrase(producer: PulumiProject) -> None:
    """`export` writes every plain output of a real stack; `status`, which needs secrets, cannot."""
    told = _export(producer, "export", "json")
    assert told.returncode == 0, told.stderr
    everything = producer.outputs()
    document = json.loads(told.stdout)
    assert document == {k: v for k, v in everything.items() if k not in SECRETS}
    assert "[secret]" not in told.stdout
    outputs = contract.parse(document)
    assert outputs.server_ids.keys() == outputs.nodes.keys() == {"fsn-a", "fsn-b"}
    assert all(one.text(outputs) for one in FORMATS.values())
    refused = _export(producer, "status")
    assert refused.returncode == 1
    assert "passphrase" in refused.stderr


def _consumer(producer: PulumiProject, passphrase: str, folder: Path) -> PulumiProject:
    """The example, on the producer's backend, with a name and a passphrase of its own."""
    shutil.copytree(ROOT / "examples" / "consumer", folder)
    settings = yaml.safe_load((folder / "Pulumi.yaml").read_text())
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump({**settings, "name": folder.name}))
    made = PulumiProject(
        directory=folder,
        env={**_without_passphrase(producer), "PULUMI_CONFIG_PASSPHRASE": passphrase},
    )
    made.run("stack", "init", "test")
    made.config({"mesh": "organization/throwaway/test"})
    return made


def test_another_stack_reads_what_is_plain_and_no_secret(
    producer: PulumiProject, tmp_path: Path
) -> None:
    """The example with a passphrase of its own: addresses and targets come, secrets do not.

    The producer's passphrase would open all four, so it is the passphrase that keeps them shut.
    """
    nodes = producer.outputs()["nodes"]
    consumer = _consumer(producer, "the-consumers-own", tmp_path / "consumer")
    told = consumer.up().text
    assert "eliding undecryptable secrets" in told
    own = consumer.outputs()
    assert own["readable_secrets"] == []
    assert own["addresses"] == {
        name: node["addresses"]["management"]["ipv4"] for name, node in nodes.items()
    }
    assert [one["targets"] for one in own["targets"]] == [
        [f"{nodes[name]['addresses']['monitoring']['ipv4']}:9100"] for name in sorted(nodes)
    ]
    plain = json.loads(consumer.run("stack", "output", "--json", "--stack", "test").stdout)
    assert plain == own
    key = producer.env["PULUMI_CONFIG_PASSPHRASE"]
    knowing = _consumer(producer, key, tmp_path / "knowing")
    knowing.up()
    assert set(knowing.outputs()["readable_secrets"]) == SECRETS


def test_the_inventorys_pin_lets_one_host_key_in(sshd: Sshd, tmp_path: Path) -> None:
    """A real sshd is believed by its key in the arguments alone; by another's it is refused."""
    own = tmp_path / "own"
    own.write_text(sshd.private_key)
    own.chmod(0o600)
    there = [*("-F", "none", "-o", "BatchMode=yes", "-i", str(own), "-p", str(sshd.port))]
    for key, well in ((sshd.host_key, True), (new_key()[1], False)):
        words = shlex.split(ansible.pinned("fsn-a", " ".join(key.split()[:2])))
        done = subprocess.run(
            ["ssh", *there, *words, f"{sshd.user}@127.0.0.1", "echo in"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.stdout == "in\n") is well, done.stderr
        assert ("Host key verification failed" in done.stderr) is not well


def test_another_version_is_refused(producer: PulumiProject, tmp_path: Path) -> None:
    """The example reads no outputs of a version that it was not written for."""
    consumer = _consumer(producer, "the-consumers-own", tmp_path / "later")
    program = consumer.directory / "__main__.py"
    program.write_text(program.read_text().replace("VERSION = 1\n", "VERSION = 2\n"))
    done = consumer.up(check=False)
    assert done.code != 0
    assert "outputs are version 1, and this program reads version 2" in done.text, done.text
