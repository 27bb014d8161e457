"""The steps of a takeover as the runner leads them, with a machine that is only a word."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from typing import Any

import asyncssh
import pytest

from runner import takeover, tool
from runner.problem import RunnerError
from runner.public import Door, Silent
from runner.ssh import Place, Refused, Session, Unreachable
from runner.takeover import Takeover
from runner.takeover_order import Order
from tests.runner.test_look import FOUND

OWN, ONE_TIME, LASTING = (f"ssh-ed25519 {name}" for name in ("OWN", "ONETIME", "LASTING"))
STEPS = ("takeover-tunnel", "takeover-trial", "takeover-close", "takeover-keep")
TRIAL = 4022
ORDER = Order(
    stack="lab",
    door=Door(node="a", host="203.0.113.7", port=22, user="root", pin=None),
    way="10.200.1.1",
    timer=30.0,
    system="debian-12",
    ipv6=None,
    bridges=[],
    files={},
    bootstrap=ONE_TIME,
    lasting=LASTING,
    push_key="",
)


@dataclass
class Machine:
    """A machine by how far it has come.

    Attributes:
        phase: The last step that was done; empty for none, `dark` for one that is enrolled.
        refuses: The verb that it refuses.
        deaf: The step after which nothing of it answers over the plane.
        cut: Whether its owner's session ends when it is closed, and nobody is let in again.
        facts: What the look finds, one after the other.
        asked: Every verb that was called.
    """

    phase: str = ""
    refuses: tuple[str, ...] = ()
    deaf: str = "-"
    cut: bool = False
    facts: list[Any] = field(default_factory=lambda: [FOUND])
    asked: list[str] = field(default_factory=list)

    @property
    def closed(self) -> bool:
        """Whether nobody gets in at its public address."""
        return self.phase in {"takeover-close", "takeover-keep", "dark"}

    async def shown(self, host: str, port: int = 22) -> str | None:
        """What a host key scan shows."""
        if host == ORDER.door.host:
            return None if self.closed else OWN
        if self.phase == self.deaf or not self.phase or port != 22:
            return None
        return {"dark": LASTING}.get(self.phase, ONE_TIME if self.closed else OWN)

    def answer(self, verb: str) -> dict[str, Any]:
        """What the node tool does and says."""
        self.asked.append(verb)
        if verb in self.refuses:
            raise Refused(f"a: {verb} refused: broken.", "mend it.")
        if verb == "takeover-undo":
            kept = self.phase in {"takeover-keep", "dark"}
            self.phase = self.phase if kept else ""
            return {"kept": kept}
        self.phase = verb
        return {"port": TRIAL}


@dataclass
class Fake:
    """A session with it."""

    machine: Machine
    public: bool
    place: Place = field(default_factory=lambda: Place(node="a", host="203.0.113.7", host_key=OWN))
    sudo: bool = False

    async def run(self, command: str, feed: bytes = b"", *, seconds: float = 60.0) -> str:
        """A command."""
        del feed, seconds
        if self.public and self.machine.closed and self.machine.cut:
            raise Unreachable("a: the session died.", "see.")
        if "os-release" in command:
            return json.dumps(vars_of(self.machine.facts.pop(0)))
        return "0"

    async def call(self, verb: str, request: object = None, *, seconds: float = 60.0) -> Any:  # noqa: ANN401
        """A verb; an answer may be lost with the session."""
        del request, seconds
        told = self.machine.answer(verb)
        await self.run("true")
        return told

    def close(self) -> None:
        """Nothing."""


def vars_of(facts: Any) -> dict[str, str]:  # noqa: ANN401 - a dataclass with slots
    """Facts as the script prints them."""
    return {name: getattr(facts, name) for name in facts.__dataclass_fields__}


def lead(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[str]]:
    """Take it over; what came of it, and what was said."""

    async def knock(_: Door) -> Fake:
        if machine.closed:
            raise Silent("a: nobody answers.", "see.")
        return Fake(machine, public=True)

    async def enter(place: Place, _: object) -> Fake:
        open_port = TRIAL if machine.phase == "takeover-trial" else 22 if machine.closed else 0
        if machine.phase == machine.deaf or place.port != open_port:
            raise Unreachable("a: no session.", "see.")
        return Fake(machine, public=False)

    async def there(_: object) -> bool:
        return False

    monkeypatch.setattr(takeover, "PATIENCE", 0.4)
    monkeypatch.setattr(takeover, "knock", knock)
    monkeypatch.setattr(takeover, "shown_key", machine.shown)
    monkeypatch.setattr(takeover, "private_key", lambda _: asyncssh)
    monkeypatch.setattr(Session, "open", enter)
    monkeypatch.setattr(tool, "ensure", there)
    said: list[str] = []
    return asyncio.run(Takeover(ORDER, said.append).run()), said


def test_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four steps, each told when it has been looked after; the public host key comes out."""
    machine = Machine()
    shown, said = lead(machine, monkeypatch)
    assert (shown, machine.asked) == (OWN, list(STEPS))
    assert [line.partition(": ")[2] for line in said[1:]] == [
        "the tunnel is up",
        "sshd answers on the plane",
        "closed, and reached over the plane",
        "kept",
    ]


def test_the_public_session_may_end_when_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is lost with the door that it came by; the plane says that all is well."""
    machine = Machine(cut=True)
    lead(machine, monkeypatch)
    assert machine.asked == list(STEPS)


@pytest.mark.parametrize("verb", STEPS)
def test_a_step_that_is_refused_is_undone(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever it is: asked to undo, looked at from outside, and told with the reason."""
    machine = Machine(refuses=(verb,))
    with pytest.raises(RunnerError) as caught:
        lead(machine, monkeypatch)
    assert machine.asked[-1] == "takeover-undo"
    assert f"{verb} refused: broken." in caught.value.what
    assert "It is what it was before, and open at root@203.0.113.7:22." in caught.value.what
    assert caught.value.fix == "mend it."


@pytest.mark.parametrize("verb", STEPS[:3])
def test_a_step_that_nobody_can_look_after_is_undone(
    verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was done, and the plane is silent: undone by the session that is still there."""
    machine = Machine(deaf=verb)
    with pytest.raises(RunnerError, match="does not answer over the plane") as caught:
        lead(machine, monkeypatch)
    assert machine.asked == [*STEPS[: STEPS.index(verb) + 1], "takeover-undo"]
    assert "It is what it was before" in caught.value.what


def test_what_cannot_be_undone_from_here_the_timer_undoes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No session is left and the plane is silent; or the undo itself is refused."""
    with pytest.raises(RunnerError, match="It answers nobody now; its own timer") as caught:
        lead(Machine(deaf="takeover-close", cut=True), monkeypatch)
    assert "within 30 s" in caught.value.what
    machine = Machine(refuses=("takeover-trial", "takeover-undo"))
    with pytest.raises(
        RunnerError, match=r"It is open at root@203\.0\.113\.7:22; its timer undoes"
    ):
        lead(machine, monkeypatch)


def test_a_closed_machine_is_kept_by_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run before died between close and keep: without a keep its timer would open it."""
    machine = Machine(phase="takeover-close")
    shown, said = lead(machine, monkeypatch)
    assert (shown, machine.asked) == ("", ["takeover-keep"])
    assert said[-1] == "a: dark already"
    machine = Machine(phase="takeover-close", refuses=("takeover-keep",))
    with pytest.raises(RunnerError, match="takeover-keep refused"):
        lead(machine, monkeypatch)


def test_an_enrolled_machine_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lasting host key shows: nothing is asked of it. Silent on the plane too: an error."""
    machine = Machine(phase="dark")
    assert lead(machine, monkeypatch)[0] == ""
    assert machine.asked == []
    with pytest.raises(Silent):
        lead(Machine(phase="dark", deaf="dark"), monkeypatch)


def test_what_a_reboot_left_is_undone_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Left-overs of a takeover that a reboot ended are no reason against another."""
    machine = Machine(facts=[replace(FOUND, began="yes"), FOUND])
    lead(machine, monkeypatch)
    assert machine.asked == ["takeover-undo", *STEPS]


def test_what_may_not_be_taken_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reason against it: no verb is called, so there is nothing to undo."""
    machine = Machine(facts=[replace(FOUND, version="11")])
    with pytest.raises(RunnerError, match="cannot be taken over"):
        lead(machine, monkeypatch)
    assert machine.asked == []
