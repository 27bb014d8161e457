"""Declarations for the whole program on the lab's cloud on paper."""

import sys
from pathlib import Path
from typing import Any

import yaml

from tests.pulumi_project import PulumiProject

ROOT = Path(__file__).resolve().parents[2]


def declare(project: PulumiProject, mesh: dict[str, Any]) -> None:
    """Write a declaration into the project's stack file."""
    path = project.directory / "Pulumi.test.yaml"
    stack = yaml.safe_load(path.read_text()) or {}
    stack["config"] = {"throwaway:mesh": mesh}
    path.write_text(yaml.safe_dump(stack))


WRITER = f"env PYTHONPATH={ROOT} {sys.executable} -m runner.receipt"
FAILS = "PAPER_ROLLOUT_FAILS"
"""In the engine's environment, `1` makes rollouts fail, after as long as Python takes to start."""

# Runs this repository's program without a tunnel and with commands that do nothing.
HANDS_OFF = f"""
    import runpy, sys
    sys.path.insert(0, {str(ROOT)!r})
    from pulumi_command import local
    import components.link, components.push, components.rollout, components.ways, pulumi

    class Untouched(components.link.Link):
        def __init__(self, plan):
            self._plan, self.person = plan, components.link._this_runner(plan)
            self._tunnel = self._ready = self._own = self._roots = None
            if not pulumi.runtime.is_dry_run():
                components.ways.guard(plan)

    def nothing(name, *, stdin, opts, **_):
        return local.Command(name, create="true", stdin=stdin, opts=opts)

    components.link.Link = Untouched
    components.push.remote.Command = nothing
    components.rollout.WRITER = {WRITER!r}
    components.rollout.DRIVER = 'sh -c "sleep ${{{FAILS}:-0}}; exit ${{{FAILS}:-0}}"'
    runpy.run_path({str(ROOT / "__main__.py")!r}, run_name="__main__")
    """
