"""A cloud API that dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.control import services
from lab.faults.processes import kill
from lab.layout import Lab
from lab.process import Process


@contextmanager
def killed(lab: Lab) -> Iterator[None]:
    """Kill the cloud API with SIGKILL; at the end it is started and answers."""
    process = Process.read(services.record(lab, "api"))
    if process is not None:
        kill(process)
    try:
        yield
    finally:
        services.start_api(lab)
