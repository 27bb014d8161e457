"""Secrets: what must carry the mark, what stands nowhere in plain, and quiet commands."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from backplane import keys
from backplane.policy import Mark
from backplane.policy.plain import NO_PLAIN, QUIET, REMOTE, SECRET, SECRET_INPUTS
from tests.core.resources import SERVER, seen, told

ONE = b64encode(bytes(range(32))).decode()
CASES = [(kind, key) for kind, names in SECRET.items() for key in names]
PLAIN = [
    ("stdin", keys.ssh_key(bytes(32), purpose="push").private.text()),
    ("create", f"cat >/etc/wireguard/wg0.conf\nPrivateKey = {ONE}\n"),
    ("userData", f"[Peer]\nPresharedKey={ONE}\n"),
    ("guest", f"hmac-sha256:printer.mgmt.:{ONE}"),
    ("zone", f'key "x" {{ algorithm hmac-sha256; secret "{ONE}"; }};'),
    ("stdin", f'{{"psk": "{ONE}"}}'),
    ("stdin", f'{{"text": "{{\\"psk\\": \\"{ONE}\\"}}"}}'),
    ("salt", ONE),
    ("value", f"{ONE}\n"),
]


@pytest.mark.parametrize(("kind", "key"), CASES)
def test_what_must_be_secret_carries_the_mark(kind: str, key: str) -> None:
    """In inputs and in outputs: a mark is well, a plain value is not, an unknown one is said."""
    for side in ("inputs", "outputs"):
        for value, expected in (
            (Mark.SECRET, []),
            ({"a": "plain"}, [("violation", "one", f"{key} is not marked secret")]),
            (Mark.UNKNOWN, [("unknown", "one", f"{key} is not known yet")]),
            (None, []),
        ):
            sides: dict[str, Any] = {"inputs": {}, side: {key: value}}
            one = seen(kind, **sides)
            assert told(SECRET_INPUTS, one) == expected


def test_one_plain_side_is_enough() -> None:
    """A secret input whose output stands in plain is found, once."""
    one = seen(SERVER, inputs={"userData": Mark.SECRET}, outputs={"userData": "#cloud-config"})
    assert told(SECRET_INPUTS, one) == [("violation", "one", "userData is not marked secret")]


@pytest.mark.parametrize(("key", "text"), PLAIN)
def test_a_plain_secret_is_found_wherever_it_is(key: str, text: str) -> None:
    """At any depth, in inputs or outputs, of any type; the words name its place, never itself."""
    deep: dict[str, Any] = {"a": [{"b": {key: text}}]}
    for side in ("inputs", "outputs"):
        sides: dict[str, Any] = {"inputs": {}, side: deep}
        ((kind, _, what),) = told(NO_PLAIN, seen("x:y:Z", **sides))
        assert kind == "violation"
        assert what.startswith(f"a[0].b.{key} holds what looks like ")
        assert ONE not in what
        assert text not in what


def test_what_stands_in_both_sides_is_told_once() -> None:
    """One place is one finding; another place of the same text is another."""
    one = seen("x:y:Z", inputs={"salt": ONE, "seed": ONE}, outputs={"salt": ONE})
    assert [what.split()[0] for _, _, what in told(NO_PLAIN, one)] == ["salt", "seed"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("public_keys", ONE),
        ("publicKey", ONE),
        ("host_key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 40),
        ("generation", "0123456789abcdef"),
        ("stdin", Mark.SECRET),
        ("create", "wg set wg0 private-key /var/lib/backplane/key"),
        ("number", 7),
    ],
)
def test_what_is_no_secret_is_left_alone(key: str, value: object) -> None:
    """Public keys by their name, public halves of SSH keys, hashes, marks and numbers."""
    assert told(NO_PLAIN, seen("x:y:Z", outputs={key: value})) == []


@pytest.mark.parametrize(
    ("inputs", "kinds"),
    [
        ({"logging": "none"}, []),
        ({"logging": "stderr"}, ["violation"]),
        ({}, ["violation"]),
        ({"logging": Mark.UNKNOWN}, ["unknown"]),
    ],
)
def test_remote_commands_are_quiet(inputs: dict[str, Any], kinds: list[str]) -> None:
    """Logging is `none`, said outright; a local command may tell its progress."""
    assert [kind for kind, _, _ in told(QUIET, seen(REMOTE, inputs=inputs))] == kinds
    assert told(QUIET, seen("command:local:Command", inputs={"logging": "stderr"})) == []
