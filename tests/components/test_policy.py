"""The program keeps to the rules, and a site refuses to be anything but dark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pulumi
import pytest

from backplane import planes
from backplane.policy import Mark, Seen, World, judge
from backplane.policy.inbound import ALLOWED
from components.clouds.base import dark
from tests.components.clouds import SHAPES
from tests.components.recorder import Recorder, declaration, run


def world(recorded: Recorder, *, protect: bool) -> World:
    """What the program registered, as rules see it."""

    def seen() -> Iterator[Seen]:
        for one in recorded.registered:
            marked = {key: Mark.SECRET if key in one.secret else value for key, value in
                      one.inputs.items()}  # fmt: skip
            yield Seen(
                urn=f"urn:pulumi:lab::backplane::{one.type}::{one.name}",
                type=one.type,
                inputs=marked,
                parent=one.parent,
                protect=one.request.protect,
            )

    gone = frozenset({"fsn-b"}) if protect else frozenset[str]()
    return World(stack="lab", resources=tuple(seen()), whole=False, protect=protect, retired=gone)


def test_the_program_keeps_to_every_rule(lab: Recorder, kept: Recorder) -> None:
    """No violation and nothing unknown, in the lab and protected with a node to retire."""
    assert judge(world(lab, protect=False)) == []
    for shape in SHAPES.values():
        assert judge(replace(world(run(shape.mesh()), protect=True), retired=frozenset())) == []
    assert judge(world(kept, protect=True)) == []
    found = judge(world(lab, protect=True))
    assert {one.rule.id for one in found} == {"protected"}


@pytest.mark.parametrize(
    ("inbound", "what"),
    [
        ((*planes.INBOUND, ("tcp", 22)), "lets in tcp 22 from anywhere"),
        ((*planes.INBOUND, ("udp", 51824)), "lets in udp 51824"),
        (planes.INBOUND[:3], "keeps out udp 51823"),
    ],
)
def test_a_site_refuses_another_set_of_ports(
    inbound: tuple[tuple[str, int], ...], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the one constant changed the program ends before a firewall is asked for."""
    monkeypatch.setattr(planes, "INBOUND", inbound)
    with pytest.raises(pulumi.RunError, match=f"firewall fsn-firewall {what}") as told:
        run(declaration())
    assert "fix: " in str(told.value)


def test_dark_takes_the_four_ports_and_nothing_else() -> None:
    """One by one or as a range; a port of another protocol, or a wider range, is refused."""
    dark("x", sorted(ALLOWED))
    dark("x", [("udp", "51820-51823")])
    for rules in ([("tcp", "51820-51823")], [("udp", "51820-51824")], [("udp", "any")], []):
        with pytest.raises(pulumi.RunError):
            dark("x", rules)
