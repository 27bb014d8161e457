"""The lab's servers: the cloud API beside the runner; apt repository and DNS on its internet."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from lab import cgroups
from lab.control.settings import Settings
from lab.image.shelf import shelf, stock
from lab.layout import RESOLVERS_V4, RESOLVERS_V6, SERVICES_V4, Lab, LabError
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


def resolver_home(lab: Lab) -> Path:
    """Return the directory of the resolver's certificates and of the questions it got."""
    return lab.state / "resolver"


def start_public(lab: Lab) -> None:
    """Serve what machines find on the lab's internet, unless it is done.

    That is the apt repositories of all built images, and a public resolver. Both are started
    before either is waited for: Python takes as long to start as everything else here.

    Raises:
        LabError: One does not listen within 20 s; its log in the lab's state says why.
    """
    stock(lab)
    place = Namespace(lab.namespace("services"))
    resolvers = (*RESOLVERS_V4, *RESOLVERS_V6)
    for service, words in (
        ("repository", (SERVICES_V4, str(shelf(lab)))),
        ("resolver", (str(resolver_home(lab)), str(Settings(lab).books), *resolvers)),
    ):
        if not alive(lab, service):
            _start(lab, service, place, "-m", f"lab.control.{service}", *words)
    for what, port, addresses in (
        ("the apt repository", 80, (SERVICES_V4,)),
        # The last of its ports.
        ("the public resolver", 853, resolvers),
    ):
        wait_until(what, partial(_listens, place, port, addresses), seconds=20)


def _listens(place: Namespace, port: int, addresses: tuple[str, ...]) -> bool:
    """Whether a TCP port of all these addresses is listened on."""
    heard = place.run("ss", "-Hltn", f"sport = :{port}").replace("[", "").replace("]", "")
    return all(f"{address}:{port}" in heard.split() for address in addresses)


def stop(lab: Lab) -> None:
    """End all servers: the API in good order, if it listens."""
    for service in ("api", "repository", "resolver"):
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
