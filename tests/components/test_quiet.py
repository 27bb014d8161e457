"""The SDK's own debugging costs nobody a call to the engine who has not asked for it."""

from __future__ import annotations

import pulumi
import pytest

from components.quiet import WANTED, quiet


class Engine:
    """Takes what is logged.

    Attributes:
        said: it, in order.
    """

    def __init__(self) -> None:
        self.said: list[str] = []

    def Log(self, request: object) -> None:  # noqa: N802 - the engine's protocol calls it so
        """Keep one message."""
        self.said.append(request.message)  # type: ignore[attr-defined]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The engine that the SDK speaks to; its functions are put back afterwards."""
    taken = Engine()
    monkeypatch.setattr("pulumi.log.get_engine", lambda: taken)
    monkeypatch.setattr(pulumi.log, "debug", pulumi.log.debug)
    monkeypatch.delenv(WANTED, raising=False)
    return taken


def test_debugging_is_not_sent_and_all_else_is(engine: Engine) -> None:
    """Information, warnings and errors reach the engine; debugging does not."""
    quiet()
    pulumi.log.debug("inner life")
    pulumi.log.info("one")
    pulumi.log.warn("two")
    pulumi.log.error("three")
    assert engine.said == ["one", "two", "three"]


def test_who_asks_for_debugging_has_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable set, whatever it says, it is sent as Pulumi does, or again."""
    quiet()
    monkeypatch.setenv(WANTED, "")
    quiet()
    pulumi.log.debug("inner life")
    assert engine.said == ["inner life"]
