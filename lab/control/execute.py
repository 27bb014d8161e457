"""Running a command where a lab's runner is."""

from __future__ import annotations

import os
import subprocess

from lab.control.settings import Settings
from lab.layout import Lab, LabError
from lab.network.namespace import Namespace


def execute(lab: Lab, command: list[str]) -> int:
    """Run a command where the lab's runner is, with the lab's environment; return its status.

    Raises:
        LabError: The lab is not up.
    """
    settings = Settings(lab)
    place = Namespace(None if settings.paper else lab.runner)
    if not place.exists:
        message = f"lab {lab.name}: is not up; run `backplane lab up {lab.name}`"
        raise LabError(message)
    env = {**os.environ, **settings.environment()}
    return subprocess.run([*place.entry, *command], env=env, check=False).returncode
