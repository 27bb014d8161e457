"""The state of a mesh whose bundles are rendered for real: real engine and program, paper cloud.

Machines are orders in the books of the lab's API, commands succeed at once (`paper_command`), and
the runner's tunnel is left out; every bundle is the one that a real node would be sent.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.api_server import serving
from tests.bench.figures import Figures
from tests.engine.paper import declare
from tests.pulumi_project import PulumiProject

ROOT = Path(__file__).resolve().parents[2]
SIZE = 50
SITES = ("fsn1", "hel1", "nbg1", "fsn1", "hel1")
BOUND = 5.0 * 1.048576
"""MB: 5 MiB at 50 nodes, as the design demands."""

_PROGRAM = """
import runpy, sys
sys.path.insert(0, {root!r})
import components.link, runner.contact

class Tunnel:
    def __init__(self, stack): pass
    def open(self, sides, guards): pass
    def own_key(self, slot, key): pass
    def meet(self, peer): pass
    def close(self): pass

class Contact:
    def __init__(self, tunnel, key, farewell, tell): pass
    async def first(self, name, host, *, bootstrap, lasting): return bootstrap
    async def way(self, name, wg1, wg0, host_key): return wg1

components.link.Tunnel = Tunnel
runner.contact.Contact = Contact
runpy.run_path({main!r}, run_name="__main__")
"""


def run(folder: Path, figures: Figures, say: Callable[[str], None]) -> None:
    """Bring `SIZE` nodes up on paper and weigh the state."""
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
        project.program(_PROGRAM.format(root=str(ROOT), main=str(ROOT / "__main__.py")))
        declare(project, _declaration())
        began = time.monotonic()
        project.run("up", "--yes", "--skip-preview", "--stack", "test", limit=1800)
        took = time.monotonic() - began
    state = folder / "state" / ".pulumi" / "stacks" / "throwaway" / "test.json"
    size = state.stat().st_size / 1e6
    say(f"  {SIZE} nodes on paper: state {size:.2f} MB, `up` from nothing {took:.0f} s")
    name = f"{SIZE} nodes rendered for real, on paper: state"
    figures.add(name, size, "MB", bound=round(BOUND, 2))


def _declaration() -> dict[str, Any]:
    """A mesh of `SIZE` nodes on five sites, with two operators and a runner."""
    each = SIZE // len(SITES)
    sites = {
        f"s{site}": {
            "id": site,
            "location": location,
            "nodes": {f"s{site}-n{node:02}": {"id": node} for node in range(1, each + 1)},
        }
        for site, location in enumerate(SITES, 1)
    }
    operators = {
        "alice": {"id": 1, "planes": ["management", "monitoring"]},
        "bob": {"id": 2, "planes": ["management"]},
    }
    return {"protect": False, "sites": sites, "operators": operators}
