"""Giving a machine back as the runner leads it, with a machine that is only a word."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from runner import release
from runner.problem import RunnerError
from runner.release import Street, give_back
from runner.ssh import Refused

OWN = "ssh-ed25519 OWN"
STREET = Street(host="203.0.113.7", port=2222)
HOLDS = {"give-back-open", "give-back-keep"}


@dataclass
class Fake:
    """A session with a machine that was taken over.

    Attributes:
        shows: What its public address shows while it is open.
        refuses: The verb that it refuses.
        lease: The lease that is held.
        asked: Every verb that was called.
    """

    shows: str | None = OWN
    refuses: str = ""
    lease: object = None
    asked: list[str] = field(default_factory=list)

    async def call(self, verb: str, request: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What the node tool says; it wants of each verb what the real one wants."""
        told = dict(request or {})
        self.asked.append(verb)
        if verb == self.refuses:
            raise Refused(f"a: {verb} refused: broken.", "mend it.")
        if verb == "lease":
            assert isinstance(told["seconds"], float)
            self.lease = told["id"]
        elif verb in HOLDS:
            assert told["lease"] == self.lease
        if verb == "give-back-open":
            assert (told["seconds"], told["port"]) == (release.TIMER, STREET.port)
        return {"host_key": f"{OWN} root@a"}

    async def shown(self, host: str, port: int) -> str | None:
        """What a host key scan shows."""
        assert (host, port) == (STREET.host, STREET.port)
        return self.shows

    def close(self) -> None:
        """Nothing."""


def _give(machine: Fake, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    async def enter() -> Fake:
        return machine

    monkeypatch.setattr(release, "PATIENCE", 0.2)
    monkeypatch.setattr(release, "LEAVING", 0.0)
    monkeypatch.setattr(release, "shown_key", machine.shown)
    said: list[str] = []
    asyncio.run(give_back("a", STREET, enter, said.append))  # type: ignore[arg-type]
    return said


def test_opened_looked_at_and_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """One lease over all of it, and its own host key seen from outside before it is left."""
    machine = Fake()
    assert len(_give(machine, monkeypatch)) == 1
    assert machine.asked == ["lease", "give-back-open", "give-back-keep"]


@pytest.mark.parametrize("shows", [None, "ssh-ed25519 ANOTHER"])
def test_what_its_owner_would_not_reach_is_not_left(
    shows: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody answers there, or somebody else: dark again, and the lease given back."""
    machine = Fake(shows=shows)
    with pytest.raises(RunnerError, match="nobody would reach it"):
        _give(machine, monkeypatch)
    assert machine.asked == ["lease", "give-back-open", "give-back-undo", "release"]


@pytest.mark.parametrize("verb", sorted(HOLDS))
def test_what_is_refused_is_undone(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason comes through."""
    machine = Fake(refuses=verb)
    with pytest.raises(Refused, match=f"{verb} refused: broken"):
        _give(machine, monkeypatch)
    assert machine.asked[-2:] == ["give-back-undo", "release"]
