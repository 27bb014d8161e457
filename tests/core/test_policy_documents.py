"""Previews and states in Pulumi's JSON, and the list of rules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backplane.policy import RULES, Mark, UnreadableDocument, judge, of_preview, of_state
from backplane.policy.documents import MASKED, ROOT, SECRET, SIGNATURE, UNKNOWN
from tests.core.resources import FIREWALL, FOUR, SERVER, inbound, urn

HIDDEN = {SIGNATURE: SECRET, "ciphertext": "v1:abc"}


def resource(kind: str, name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    """A resource as a state has it."""
    return {"urn": urn(kind, name), "type": kind, "custom": True, **more}


def root(**outputs: Any) -> dict[str, Any]:  # noqa: ANN401 - any output
    """The stack itself."""
    return resource(ROOT, "backplane-lab", outputs=outputs)


def preview(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    """A preview that creates these resources."""
    made = [{"op": "create", "urn": one["urn"], "newState": one} for one in steps]
    return {"steps": made, **more}


def state(*resources: dict[str, Any]) -> dict[str, Any]:
    """An exported state."""
    return {"version": 3, "deployment": {"resources": list(resources)}}


def test_marks_are_read_from_both_documents() -> None:
    """A masked text, a ciphertext and each placeholder become marks, at any depth."""
    for value, mark in ((MASKED, Mark.SECRET), (HIDDEN, Mark.SECRET)):
        one = resource(SERVER, "s", inputs={"userData": value, "list": [{"x": value}]})
        for world in (of_preview(preview(one)), of_state(state(one))):
            assert world.resources[0].inputs == {"userData": mark, "list": [{"x": mark}]}
    for placeholder in UNKNOWN:
        one = resource(SERVER, "s", inputs={"firewallIds": [placeholder]})
        assert of_preview(preview(one)).resources[0].inputs == {"firewallIds": [Mark.UNKNOWN]}


def test_a_preview_is_what_is_to_be() -> None:
    """New states alone, each resource once: what is deleted counts no more."""
    wall = resource(FIREWALL, "wall", inputs={"rules": FOUR}, protect=True)
    document = preview(root(), wall, wall)
    document["steps"] += [{"op": "delete", "urn": urn(SERVER, "old"), "oldState": {}}]
    world = of_preview(document)
    assert [one.name for one in world.resources] == ["backplane-lab", "wall"]
    assert (world.stack, world.whole, world.resources[1].protect) == ("lab", False, True)


def test_the_declaration_is_read_from_the_config_of_a_preview() -> None:
    """`protect` and the nodes to retire; true is the default; without a declaration nothing."""
    mesh: dict[str, Any] = {"sites": {"fsn": {"nodes": {"a": {"retire": True}, "b": None}}}}
    for text, protect, retired in (
        (json.dumps(mesh), True, {"a"}),
        (json.dumps({**mesh, "protect": False}), False, {"a"}),
        ("no json", None, set()),
        (None, None, set()),
    ):
        config = {"backplane:mesh": text} if text else {}
        world = of_preview(preview(root(), config=config))
        assert (world.protect, set(world.retired)) == (protect, retired)


def test_a_state_tells_what_was_declared_by_its_outputs() -> None:
    """From output `plan`; a stack whose outputs are older tells nothing."""
    plan = {"protect": True, "nodes": {"a": {"retire": True}, "b": {"retire": False}}}
    assert of_state(state(root(plan=plan))).protect is True
    assert of_state(state(root(plan=plan))).retired == {"a"}
    assert of_state(state(root(plan={}))).protect is None
    assert of_state(state(root())).protect is None
    assert of_state(state()).resources == ()
    assert of_state(state(root())).whole is True


@pytest.mark.parametrize(
    ("read", "document", "what"),
    [
        (of_preview, [], "no preview"),
        (of_preview, state(root()), "no preview"),
        (of_preview, {"steps": []}, "not one resource"),
        (of_preview, preview(root(), diagnostics=[{"severity": "error"}]), "failed with 1 error"),
        (of_state, preview(root()), "no exported state"),
        (of_state, {"deployment": None}, "no exported state"),
        (
            of_state,
            state(resource(SERVER, "s", inputs={"x": {**HIDDEN, "plaintext": '"canary"'}})),
            "secrets in plain",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused(read: Any, document: object, what: str) -> None:  # noqa: ANN401
    """Neither an empty nor a wrong document passes for one without a finding; nothing leaks."""
    with pytest.raises(UnreadableDocument, match=what) as told:
        read(document)
    assert told.value.fix
    assert "canary" not in f"{told.value.what}{told.value.fix}"


def test_a_warning_is_no_failure() -> None:
    """Only errors make a preview incomplete."""
    document = preview(root(), diagnostics=[{"severity": "warning"}])
    assert of_preview(document).stack == "lab"


def test_every_rule_says_all_that_people_need() -> None:
    """Each id is used once; sentence, reason and fix are there, one line each."""
    assert [rule.id for rule in RULES] == [
        "known-types",
        "inbound-ports",
        "no-public-tcp",
        "firewall-attached",
        "metadata-tokens",
        "volumes-encrypted",
        "protected",
        "secret-inputs",
        "no-plain-secrets",
        "quiet-commands",
    ]
    for rule in RULES:
        for text in (rule.says, rule.why, rule.fix):
            assert len(text) > 10
            assert "\n" not in text
            assert not text.endswith(".")


def test_no_declaration_switches_a_rule_off() -> None:
    """Whatever stands in the config beside the mesh: an open port is found all the same."""
    wall = resource(FIREWALL, "wall", inputs={"rules": [*FOUR, inbound("tcp", "22")]})
    plain = {rule.id for rule in RULES}
    config = {"backplane:mesh": json.dumps({"policy": dict.fromkeys(plain, "off")})}
    for more in ({}, config, {"backplane:policy": "disabled"}):
        found = judge(of_preview(preview(root(), wall, config=more)))
        broken = {one.rule.id for one in found if one.kind == "violation"}
        assert broken == {"inbound-ports", "no-public-tcp"}
