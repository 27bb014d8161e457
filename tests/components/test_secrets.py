"""Secret in, secret out; and what is protected."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pytest
import yaml

from tests.components.recorder import ROOT, Recorder, declaration, run

SEED = "random:index/randomBytes:RandomBytes"
SERVER = "hcloud:index/server:Server"


def test_user_data_is_secret_and_small(lab: Recorder) -> None:
    """User-data carries the secret mark, stays under 16 KiB and holds no lasting key."""
    lasting = {
        side["private_key"]
        for runner in lab.outputs["runner"]["runners"].values()
        for side in runner["sides"].values()
    }
    lasting |= {
        psk
        for runner in lab.outputs["runner"]["runners"].values()
        for by_slot in runner["psks"].values()
        for psk in by_slot.values()
    }
    for server in lab.of(SERVER).values():
        assert server.secret == {"userData"}
        text = server.inputs["userData"]
        assert len(text.encode()) < 16_384
        assert not [key for key in lasting if key in text]


def test_no_key_repeats(lab: Recorder) -> None:
    """Every public key of every node and plane is another one, and so is every host key."""
    nodes = lab.outputs["nodes"].values()
    keys = [key for node in nodes for key in node["public_keys"].values()]
    assert len(set(keys)) == len(keys) == 16
    assert len({node["host_key"] for node in nodes}) == 4


def test_secret_outputs_are_the_four_named_ones(lab: Recorder) -> None:
    """`runner`, `operators`, `guests`, `console`; the plain ones hold no key material."""
    assert lab.secret_outputs == {"runner", "operators", "guests", "console"}
    plain = json.dumps(
        {name: value for name, value in lab.outputs.items() if name not in lab.secret_outputs}
    )
    told = json.dumps(lab.outputs["runner"])
    for runner in lab.outputs["runner"]["runners"].values():
        for side in runner["sides"].values():
            assert side["private_key"] in told
            assert side["private_key"] not in plain
    assert "PRIVATE KEY" not in plain
    assert [*lab.outputs["guests"]] == lab.outputs["dns"]["guests"] == ["printer.mgmt"]
    assert "hmac" not in plain
    words = {one["password"] for one in lab.outputs["console"].values()}
    assert [*lab.outputs["console"]] == ["fsn-a", "fsn-b", "hel-a", "hel-b"]
    assert {one["user"] for one in lab.outputs["console"].values()} == {"root"}
    assert len(words) == 4
    assert not [word for word in words if word in plain or word in told]


def test_consoles_are_an_epoch_a_number_and_a_switch(lab: Recorder) -> None:
    """Another epoch is one other keeper; one node's number is its password alone; off is none."""
    epoch, own, off = (
        run(declaration() | {"console": {"epoch": 2}}),
        declaration(),
        run(declaration() | {"console": {"use": False}}),
    )
    before, after = lab.of(SEED), epoch.of(SEED)
    changed = [name for name in before if before[name].inputs != after[name].inputs]
    assert changed == ["console-salt"]
    own["sites"]["fsn"]["nodes"]["fsn-a"]["console"] = 2
    turned = run(own).outputs["console"]
    assert [n for n, one in lab.outputs["console"].items() if turned[n] != one] == ["fsn-a"]
    assert off.outputs["console"] == {}
    assert "console" in off.secret_outputs


def test_epochs_are_the_keepers_and_move_only_their_plane(lab: Recorder) -> None:
    """Raising one plane's key epoch changes its salt and that plane's keys, and nothing else."""
    mesh = declaration()
    mesh["planes"] = {"monitoring": {"keys": 2}}
    turned = run(mesh)
    before, after = lab.of(SEED), turned.of(SEED)
    changed = [name for name in before if before[name].inputs != after[name].inputs]
    assert changed == ["monitoring-keys"]
    assert after["monitoring-keys"].inputs["keepers"] == {"epoch": "2"}
    for name, node in lab.outputs["nodes"].items():
        moved = {
            slot
            for slot, key in node["public_keys"].items()
            if turned.outputs["nodes"][name]["public_keys"][slot] != key
        }
        assert moved == {"monitoring"}


def test_protection_follows_the_declaration(lab: Recorder, kept: Recorder) -> None:
    """Seeds, addresses and servers are protected outside the lab; salts, roots, retired are not."""
    assert [one.what for one in lab.registered if one.request.protect] == []
    guarded = {one.name for one in kept.registered if one.request.protect}
    expected = {"push-seed", "alice-seed", "runner-seed"}
    for node in ("fsn-a", "hel-a", "hel-b"):
        expected |= {f"{node}-{suffix}" for suffix in ("seed", "ipv4", "ipv6", "server")}
    assert guarded == expected


def test_server_is_replaced_by_its_incarnation_only(lab: Recorder) -> None:
    """User-data, keys and image are ignored after birth; a new incarnation replaces the server."""
    mesh = declaration()
    mesh["sites"]["fsn"]["nodes"]["fsn-a"]["incarnation"] = 2
    again = run(mesh)
    for name, server in lab.of(SERVER).items():
        assert list(server.request.ignoreChanges) == ["userData", "sshKeys", "image"]
        assert server.request.deleteBeforeReplace is True
        other = again.of(SERVER)[name]
        moved = server.request.replacement_trigger != other.request.replacement_trigger
        assert moved is (name == "fsn-a-server")


def test_examples_are_declarations() -> None:
    """The committed examples run as they stand, protected, without an encryption salt."""
    for stack in ("staging", "prod"):
        text = (ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text()
        assert "encryptionsalt" not in yaml.safe_load(text)
        recorded = run(declaration(stack))
        assert recorded.of(SERVER)
        assert all(one.request.protect for one in recorded.of(SERVER).values())


def _with_a_token() -> dict[str, Any]:
    mesh = declaration()
    hook = {"webhook": "https://hooks.example.org/ops", "secret": "ops-hook"}
    mesh["monitoring"] = {"receivers": {"ops": hook}}
    return mesh


def test_a_named_secret_goes_into_the_rollout_alone_and_decides_no_shape() -> None:
    """Another value changes what the rollout reads, which is secret, and one node's generation."""
    first, second = (
        run(_with_a_token(), secrets={"ops-hook": word}) for word in ("number-one", "number-two")
    )
    before, after = ({one.what: one for one in made.registered} for made in (first, second))
    assert set(before) == set(after)
    changed = {
        what: {key for key in one.inputs if one.inputs[key] != after[what].inputs.get(key)}
        for what, one in before.items()
        if one.inputs != after[what].inputs
    }
    assert {what.split()[-1]: told for what, told in changed.items()} == {
        "mesh-receipt": {"stdin"},
        "mesh-command": {"stdin"},
    }
    assert all(told <= after[what].secret for what, told in changed.items())
    was, now = first.outputs["nodes"], second.outputs["nodes"]
    moved = [name for name in now if now[name]["generation"] != was[name]["generation"]]
    assert moved == ["hel-b"]


def test_a_secret_that_is_not_there_is_told_before_anything_is_made() -> None:
    """All of them in one message, each with the command that sets it."""
    with pytest.raises(pulumi.RunError, match=r"the secret ops-hook .* it is not there") as told:
        run(_with_a_token())
    assert "pulumi config set --stack lab --secret secret-ops-hook" in str(told.value)


@pytest.mark.parametrize("word", ["short", " blank-before", "two\nlines-of-it", "ends-in-a-line\n"])
def test_a_secret_that_programs_read_differently_is_told_too(word: str) -> None:
    """Without a word of it."""
    with pytest.raises(pulumi.RunError, match="the secret ops-hook cannot be used") as told:
        run(_with_a_token(), secrets={"ops-hook": word})
    assert word.strip() not in str(told.value)


def test_a_secret_that_stands_there_in_plain_is_none() -> None:
    """It would be in the repository's history for good; the fix encrypts another one."""
    with pytest.raises(pulumi.RunError, match=r"the secret ops-hook .* in plain") as told:
        run(_with_a_token(), secrets={"ops-hook": "a-token-in-plain"}, hidden=False)
    assert "a-token" not in str(told.value)
