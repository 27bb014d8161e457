"""A control machine without an engine: a checkout, and a `pulumi` that keeps states in a folder."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from scripts import cli
from tests.core import example

# What it is asked and given is written down. As the real one does, an import drops what was cut and
# needs the stack's own passphrase, an export does not, and `init` gives a KMS's stack another key.
_PULUMI = """\
#!{python}
import json, os, sys
from pathlib import Path
home, words = Path({home!r}), [w for w in sys.argv[1:] if w != "--non-interactive"]
with (home / "asked").open("a") as log:
    log.write(" ".join(words) + "\\n")
states = home / "states"
states.mkdir(exist_ok=True)
def fail(why):
    sys.exit("error: " + why)
def named():
    return (words[words.index("--stack") + 1] if "--stack" in words else words[2]).split("/")[-1]
def needs_passphrase():
    if os.environ.get("PULUMI_CONFIG_PASSPHRASE") != "right":
        fail("incorrect passphrase")
kind = " ".join(words[:2])
if kind == "stack --show-name":
    print("prod")
elif kind == "stack ls":
    print(json.dumps([dict(name="us/" + one.stem) for one in states.glob("*.json")]))
elif kind == "whoami --json":
    print(json.dumps(dict(url="s3://key:token@states/prod")))
elif kind == "stack export":
    path = states / (named() + ".json")
    print(path.read_text() if path.exists() else fail("no stack named " + named()))
elif kind == "stack init":
    needs_passphrase()
    if "--secrets-provider" in words:
        Path("stacks/Pulumi.prod.yaml").write_text("encryptedkey: another\\n")
    (states / (named() + ".json")).write_text(json.dumps(dict(version=3, deployment=dict(
        manifest=dict(time="2099-01-01T00:00:00Z")))))
elif kind == "stack import":
    needs_passphrase()
    document = json.load(sys.stdin)
    document["deployment"].pop("pending_operations", None)
    (states / (named() + ".json")).write_text(json.dumps(document))
else:
    fail("not asked for here: " + kind)
"""

SALT = "v1:c2FsdHNhbHQ=:v1:bm9uY2U=:Y2hlY2s="
TIME = "2026-03-01T12:00:00.123456789Z"
PHRASE = "five words that were drawn"
"""What backups are sealed with, where it is by a passphrase."""


def deployment(time: str = TIME, resources: int = 3, pending: int = 0) -> dict[str, Any]:
    """A state with a node of the cloud in it."""
    made = [
        {
            "urn": f"urn:pulumi:prod::backplane::hcloud:index/server:Server::node-{number}",
            "type": "hcloud:index/server:Server",
            "id": str(number),
            "inputs": {"userData": {"ciphertext": f"v1:sealed-{number}"}},
        }
        for number in range(resources)
    ]
    manifest = {"time": time, "version": "v3.259.0"}
    cut = [{"type": "creating", "resource": {"type": "x", "urn": "urn:x::y"}}] * pending
    more = {"pending_operations": cut} if pending else {}
    return {"version": 3, "deployment": {"manifest": manifest, "resources": made, **more}}


def settings(mesh: dict[str, Any] | None = None, **more: str) -> str:
    """A stack's file."""
    document = {"encryptionsalt": SALT, **more, "config": {"backplane:mesh": mesh or example.raw()}}
    return yaml.safe_dump(document)


@dataclass(slots=True)
class Control:
    """A machine that runs `pulumi`.

    Attributes:
        home: all it has.
        monkeypatch: how it is put in place of this one.
        environment: its own variables.
    """

    home: Path
    monkeypatch: pytest.MonkeyPatch
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, home: Path, monkeypatch: pytest.MonkeyPatch, name: str = "backplane") -> Control:
        """A new one: a checkout, a backend without a stack, the stack's passphrase."""
        (home / "bin").mkdir(parents=True)
        (home / "checkout" / "stacks").mkdir(parents=True)
        text = f"name: {name}\nruntime: python\nstackConfigDir: stacks\n"
        (home / "checkout" / "Pulumi.yaml").write_text(text)
        program = home / "bin" / "pulumi"
        program.write_text(_PULUMI.format(python=sys.executable, home=str(home)))
        program.chmod(0o755)
        return cls(home, monkeypatch, {"PULUMI_CONFIG_PASSPHRASE": "right"})

    @property
    def file(self) -> Path:
        """The stack's file."""
        return self.home / "checkout" / "stacks" / "Pulumi.prod.yaml"

    @property
    def state(self) -> Path:
        """Where the backend keeps the stack's state."""
        return self.home / "states" / "prod.json"

    def holds(self, document: dict[str, Any], text: str | None = None) -> None:
        """Let the stack be there, with this state and this file."""
        self.state.parent.mkdir(exist_ok=True)
        self.state.write_text(json.dumps(document))
        self.file.write_text(text or settings())

    def asked(self) -> list[str]:
        """What pulumi was asked so far."""
        log = self.home / "asked"
        return log.read_text().splitlines() if log.exists() else []

    def run(self, *words: str, **variables: str) -> Result:
        """Run a verb on this machine."""
        with self.monkeypatch.context() as patch:
            patch.chdir(self.home / "checkout")
            patch.setenv("PATH", f"{self.home / 'bin'}{os.pathsep}{os.environ['PATH']}")
            for name, value in {**self.environment, **variables}.items():
                patch.setenv(name, value)
            return CliRunner().invoke(cli.build(words), list(words))
