"""The lab's two servers: the cloud API beside the runner, the apt repository on its internet."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from lab import cgroups
from lab.control.settings import Settings
from lab.image.shelf import shelf, stock
from lab.layout import SERVICES_V4, Lab, LabError
from lab.network.namespace import Namespace
from lab.process import Process, detach, run, wait_until

CHECKOUT = Path(__file__).parents[2]
_KEPT = ("BACKPLANE_CACHE", "BACKPLANE_LAB_DIR", "HOME", "PATH", "XDG_CACHE_HOME", "XDG_STATE_HOME")


def _environment() -> Mapping[str, str]:
    """Return the environment of a server: where things are, and no secret of the caller."""
    kept = {key: os.environ[key] for key in _KEPT if key in os.environ}
    return kept | {"PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"}


def record(lab: Lab, service: str) -> Path:
    """Return the file that names a server's process."""
    return lab.run / service


def alive(lab: Lab, service: str) -> bool:
    """Whether a server's process runs."""
    process = Process.read(record(lab, service))
    return process is not None and process.alive


def _start(lab: Lab, service: str, place: Namespace, *command: str, paper: bool = False) -> None:
    groups = () if paper else cgroups.create(f"{lab.cgroup}/{service}")
    detach(
        (*place.entry, sys.executable, *command),
        record=record(lab, service),
        log=lab.state / f"{service}.log",
        cgroups=groups,
        env=_environment(),
    )


def start_api(lab: Lab) -> None:
    """Start the cloud API, unless it runs, and wait until it answers.

    Raises:
        LabError: It ends or stays silent; the text has the end of its log.
    """
    settings = Settings(lab)
    if not alive(lab, "api"):
        options = ["-m", "lab.api", "--lab", lab.name, "--state", str(settings.books)]
        options += ["--listen", f"127.0.0.1:{settings.port}"]
        options += ["--token-file", str(settings.token_file)]
        options += ["--paper"] if settings.paper else []
        place = Namespace(None if settings.paper else lab.runner)
        _start(lab, "api", place, *options, paper=settings.paper)
    try:
        wait_until("the cloud API's answer", lambda: answers(lab), seconds=30, poll=0.1)
    except LabError as error:
        log = (lab.state / "api.log").read_text(errors="replace")[-1000:]
        message = f"lab {lab.name}: {error}; the end of {lab.state / 'api.log'}: {log}"
        raise LabError(message) from error


def answers(lab: Lab) -> bool:
    """Whether the cloud API answers now.

    Raises:
        LabError: Its process has ended.
    """
    settings = Settings(lab)
    if not alive(lab, "api"):
        message = "the cloud API's process has ended"
        raise LabError(message)
    place = Namespace(None if settings.paper else lab.runner)
    words = ("-m", "lab.control.ask", f"{settings.endpoint}/locations", str(settings.token_file))
    asked = subprocess.run(
        (*place.entry, sys.executable, *words),
        capture_output=True, check=False, env=_environment(),
    )  # fmt: skip
    return asked.returncode == 0


def start_repository(lab: Lab) -> None:
    """Serve the apt repositories of all built images on the lab's internet, unless it is done."""
    stock(lab)
    if alive(lab, "repository"):
        return
    place = Namespace(lab.namespace("services"))
    _start(
        lab, "repository", place,
        "-m", "lab.control.repository", SERVICES_V4, str(shelf(lab)),
    )  # fmt: skip
    wait_until(
        "the apt repository",
        lambda: SERVICES_V4 in place.run("ss", "-Hltn", "sport = :80"),
        seconds=20,
    )


def stop(lab: Lab) -> None:
    """End both servers: the API in good order, if it listens."""
    for service in ("api", "repository"):
        process = Process.read(record(lab, service))
        if process is not None:
            process.end(patience=10 if service == "api" else 1)


def select_stack(lab: Lab, environment: Mapping[str, str]) -> None:
    """Make the lab's Pulumi stack in the lab's backend and select it, if there is a program."""
    if (CHECKOUT / "Pulumi.yaml").exists():
        run(
            *Namespace(lab.runner if not Settings(lab).paper else None).entry,
            "pulumi", "--non-interactive", "--cwd", str(CHECKOUT),
            "stack", "select", "--create", "lab",
            env={**os.environ, **environment},
        )  # fmt: skip
