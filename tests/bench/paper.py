"""A mesh of any size on paper: real engine, real program, every bundle made for real.

Machines are orders in the books of the lab's API, remote commands succeed at once
(`paper_command`), and the runner's tunnel is left out.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backplane.policy.documents import SIGNATURE
from tests.api_server import serving
from tests.engine.paper import declare
from tests.pulumi_project import PulumiProject

ROOT = Path(__file__).resolve().parents[2]
SITES = ("fsn1", "hel1", "nbg1", "fsn1", "hel1")
LIMIT = 1800.0
MARKS = "BACKPLANE_BENCH_MARKS"
"""Names the file to which the program writes when it did what, seconds since 1970."""

PROGRAM = f"""
import sys, time
marks = {{"began": time.time()}}
sys.path.insert(0, {str(ROOT)!r})
import atexit, json, os, runpy
import components.declared, components.link, components.rollout, runner.contact

class Tunnel:
    def __init__(self, stack): pass
    def open(self, sides, guards): pass
    def own_key(self, slot, key): pass
    def meet(self, peer): pass
    def close(self): pass

class Contact:
    def __init__(self, tunnel, key, farewell, tell): pass
    async def first(self, name, host, *, bootstrap, lasting): return bootstrap
    async def meet(self, name, wg1, wg0, host_key): pass

def timed(read):
    def declared():
        marks["imported"] = time.time()
        told = read()
        marks["declared"] = time.time()
        return told
    return declared

def ended():
    marks["registered"] = time.time()
    if {MARKS!r} in os.environ:
        with open(os.environ[{MARKS!r}], "w") as file:
            json.dump(marks, file)

atexit.register(ended)
components.link.Tunnel = Tunnel
runner.contact.Contact = Contact
components.declared.declared = timed(components.declared.declared)
components.rollout.WRITER = {sys.executable!r} + " -m runner.receipt"
runpy.run_path({str(ROOT / "__main__.py")!r}, run_name="__main__")
marks["described"] = time.time()
"""

BARE = """
import json, pulumi
made = {{}}
for one in json.load(open({spec!r})):
    inputs = {{key: pulumi.Output.secret(value) if key in one["secret"] else value
              for key, value in one["inputs"].items()}}
    opts = pulumi.ResourceOptions(parent=made.get(one["parent"]))
    if one["custom"]:
        made[one["urn"]] = pulumi.CustomResource(one["type"], one["name"], inputs, opts)
    else:
        made[one["urn"]] = pulumi.ComponentResource(one["type"], one["name"], None, opts)
"""
"""Registers the resources of a list, constant inputs and all, and knows nothing of any mesh."""


@dataclass(slots=True, kw_only=True)
class Paper:
    """A project whose machines are on paper.

    Attributes:
        project: it.
        folder: where its files are.
    """

    project: PulumiProject
    folder: Path

    @classmethod
    @contextmanager
    def make(cls, folder: Path) -> Iterator[Paper]:
        """An empty mesh, and the books of a cloud for it."""
        project = PulumiProject.make(folder)
        plugins = folder / "plugins"
        plugins.mkdir()
        plugin = plugins / "pulumi-resource-command"
        plugin.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.bench.paper_command "$@"\n')
        plugin.chmod(0o755)
        with serving(folder / "api") as api:
            project.env.update(api.environment())
            project.env["PATH"] = os.pathsep.join((str(plugins), project.env["PATH"]))
            project.env["PYTHONPATH"] = str(ROOT)
            paper = cls(project=project, folder=folder)
            paper.ours()
            yield paper

    def ours(self) -> None:
        """Have this repository's program."""
        self.project.program(PROGRAM)

    def declare(self, size: int) -> None:
        """Wish for a mesh of `size` nodes."""
        declare(self.project, declaration(size))

    def up(self) -> float:
        """Bring it about; seconds."""
        return self._timed("up", "--yes", "--skip-preview", "--stack", "test")[0]

    def preview(self, stack: str = "test") -> tuple[float, dict[str, int], dict[str, float]]:
        """What would be done: seconds, how many of each, and the program's marks if it sets any."""
        path = self.folder / "marks.json"
        path.unlink(missing_ok=True)
        self.project.env[MARKS] = str(path)
        began = time.time()
        took, said = self._timed("preview", "--json", "--stack", stack)
        marks = json.loads(path.read_text()) if path.exists() else {}
        if marks:
            marks |= {"asked": began, "ended": began + took}
        return took, json.loads(said)["changeSummary"], marks

    def stack(self, name: str) -> None:
        """Another stack of the same project, with the declaration of the first and no state."""
        self.project.run("stack", "init", name)
        told = (self.project.directory / "Pulumi.test.yaml").read_text()
        fresh = self.project.directory / f"Pulumi.{name}.yaml"
        salt = [line for line in fresh.read_text().splitlines() if "encryptionsalt" in line]
        rest = [line for line in told.splitlines() if "encryptionsalt" not in line]
        fresh.write_text("\n".join((*salt, *rest)) + "\n")

    def bare(self) -> None:
        """Have a program in place of ours that registers what is in the state."""
        spec = [
            {
                "urn": one["urn"],
                "parent": one.get("parent", ""),
                "type": one["type"],
                "name": one["urn"].rsplit("::", 1)[-1],
                "custom": one["custom"],
                "inputs": _plain(one.get("inputs", {})),
                "secret": [
                    key for key, value in one.get("inputs", {}).items() if SIGNATURE in str(value)
                ],
            }
            for one in self.resources("--show-secrets")
        ]
        path = self.folder / "bare.json"
        path.write_text(json.dumps(spec))
        self.project.program(BARE.format(spec=str(path)))

    def size(self) -> float:
        """The state's, MB of 10^6."""
        path = self.folder / "state" / ".pulumi" / "stacks" / "throwaway" / "test.json"
        return path.stat().st_size / 1e6

    def resources(self, *flags: str) -> list[Mapping[str, Any]]:
        """What the program registered, as the state has it."""
        said = self.project.run("stack", "export", "--stack", "test", *flags, limit=LIMIT).stdout
        return [
            one
            for one in json.loads(said)["deployment"]["resources"]
            if not one["type"].startswith("pulumi:")
        ]

    def _timed(self, *arguments: str) -> tuple[float, str]:
        began = time.monotonic()
        said = self.project.run(*arguments, limit=LIMIT).stdout
        return time.monotonic() - began, said


def _plain(value: Any) -> Any:  # noqa: ANN401 - any property value
    """The same value without the wrappings that mark secrets."""
    if isinstance(value, dict):
        if SIGNATURE in value:
            return _plain(json.loads(value["plaintext"]))
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def declaration(size: int) -> dict[str, Any]:
    """A mesh of about `size` nodes on five sites, with two operators and a runner.

    Any number that five divides gives as many; one more gives one more on the last site.
    """
    each, more = divmod(size, len(SITES))
    sites = {
        f"s{site}": {
            "id": site,
            "location": location,
            "nodes": {
                f"s{site}-n{node:02}": {"id": node}
                for node in range(1, each + (more if site == len(SITES) else 0) + 1)
            },
        }
        for site, location in enumerate(SITES, 1)
    }
    operators = {
        "alice": {"id": 1, "planes": ["management", "monitoring"]},
        "bob": {"id": 2, "planes": ["management"]},
    }
    return {"protect": False, "sites": sites, "operators": operators}
