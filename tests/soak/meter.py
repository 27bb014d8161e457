"""Ten echo requests a second on every plane, both ways between two nodes: what was lost, and where.

Losses are counted by sequence numbers, not by time: a busy computer makes answers late, and a late
answer is none lost.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.model import LASTING, PLANES

PERIOD = 0.1
"""Seconds between two requests."""

YOUNG = 20
"""The last so many requests are not judged yet: their answers may be on the way."""

_REPLY = re.compile(rb"icmp_seq=(\d+) ttl=")


@dataclass(slots=True, kw_only=True)
class Stream:
    """Requests from one node to another on one plane.

    Attributes:
        plane: the plane.
        source: who asks.
        log: what `ping` prints.
        process: `ping`.
        judged: the last sequence number that was judged.
    """

    plane: str
    source: str
    log: Path
    process: subprocess.Popen[bytes]
    judged: int = 0

    def losses(self) -> tuple[int, int]:
        """Since the last look: how many answers came, and the longest run of requests without."""
        answered = {int(number) for number in _REPLY.findall(self.log.read_bytes())}
        newest = max(answered, default=0) - YOUNG
        if newest <= self.judged:
            return 0, 0
        longest = run = 0
        for number in range(self.judged + 1, newest + 1):
            run = 0 if number in answered else run + 1
            longest = max(longest, run)
        came = len([number for number in answered if self.judged < number <= newest])
        self.judged = newest
        return came, longest


@dataclass(slots=True, kw_only=True)
class Meter:
    """Streams between the two lasting nodes.

    Attributes:
        folder: where the logs are.
        streams: those that run.
        answers: how many answers came in all.
    """

    folder: Path
    streams: list[Stream] = field(default_factory=list)
    answers: int = 0

    def start(self, leaders: Mapping[str, int], addresses: Mapping[tuple[str, str], str]) -> None:
        """Start anew, as after a power cut: what was not judged is forgotten.

        Args:
            leaders: first process of each machine.
            addresses: IPv4 addresses by node and plane.
        """
        self.stop()
        for index, plane in enumerate(PLANES):
            for source, target in (LASTING, LASTING[::-1]):
                log = self.folder / f"ping-{source}-{plane}.log"
                words = ["ping", "-n", "-i", str(PERIOD), "-I", f"wg{index}"]
                with log.open("wb") as file:
                    process = subprocess.Popen(
                        [
                            *("nsenter", "--net", "--pid", f"--target={leaders[source]}", "--"),
                            *(*words, addresses[target, plane]),
                        ],
                        stdin=subprocess.DEVNULL,
                        stdout=file,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                self.streams.append(Stream(plane=plane, source=source, log=log, process=process))

    def look(self) -> dict[str, int]:
        """Since the last look: the longest run of lost requests on each plane, zeros left out."""
        lost: dict[str, int] = {}
        for stream in self.streams:
            came, longest = stream.losses()
            self.answers += came
            if longest:
                lost[stream.plane] = max(lost.get(stream.plane, 0), longest)
        return lost

    def stop(self) -> None:
        """End all streams."""
        for stream in self.streams:
            # `nsenter --pid` forks: alone it would leave `ping` behind, on a machine that lives.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(stream.process.pid, signal.SIGKILL)
            stream.process.wait()
        self.streams.clear()
