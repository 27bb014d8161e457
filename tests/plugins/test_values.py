"""Values on the engine's wire, secrets, strictness and diffs, without an engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime import rpc

from lab.plugins.common import UNKNOWN, Archive, Asset, Field, Kind, Schema, Secret, Value, reveal
from lab.plugins.common.diff import Change, Difference, compare
from lab.plugins.common.errors import PluginError
from lab.plugins.common.schema import failures, with_secrets
from lab.plugins.common.states import carried, state_of
from lab.plugins.common.values import decode_map, encode_map, holds_secret, holds_unknown

LEAVES = st.one_of(
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.text(),
    st.just(UNKNOWN),
    st.builds(Asset, text=st.text(), hash=st.text(min_size=1)),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(min_size=1), inner, max_size=4),
        st.builds(Secret, inner),
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(min_size=1), VALUES, max_size=4))
def test_values_survive_the_wire(values: dict[str, Value]) -> None:
    """Whatever a program can say comes back as it went, secrets and unknowns included."""
    back = decode_map(encode_map(values))
    assert back == values
    assert any(map(holds_secret, back.values())) == any(map(holds_secret, values.values()))
    assert any(map(holds_unknown, back.values())) == any(map(holds_unknown, values.values()))


@given(VALUES)
def test_revealing_leaves_no_wrapper(value: Value) -> None:
    """After `reveal` nothing is secret; a secret's repr never tells its value."""
    assert not holds_secret(reveal(value))
    assert "canary" not in repr(Secret("canary"))


def test_the_wire_marks_are_the_sdks_own() -> None:
    """A secret and an unknown value have the SDK's form, so the engine recognises them."""
    struct = encode_map({"a": Secret("x"), "b": UNKNOWN, "c": Archive(path="/p", hash="h")})
    secret = struct.fields["a"].struct_value.fields
    assert secret[rpc._special_sig_key].string_value == rpc._special_secret_sig
    assert secret["value"].string_value == "x"
    assert struct.fields["b"].string_value == rpc.UNKNOWN


SCHEMA = Schema(
    token="t:i:T",
    inputs={
        "name": Field(required=True, replaces=True),
        "size": Field(kind=Kind.INTEGER),
        "mode": Field(choices=("a", "b")),
        "labels": Field(kind=Kind.MAP, item=Field()),
        "rules": Field(
            kind=Kind.LIST,
            item=Field(kind=Kind.OBJECT, fields={"port": Field(replaces=True), "to": Field()}),
        ),
        "login": Field(kind=Kind.OBJECT, secret=True, fields={"user": Field()}),
    },
    outputs={"id": Field(), "token": Field(secret=True)},
)


@pytest.mark.parametrize(
    ("values", "paths"),
    [
        ({"name": "x"}, []),
        ({}, ["name"]),
        ({"name": "x", "nmae": "y", "size": 1}, ["nmae"]),
        ({"name": "x", "size": "1"}, ["size"]),
        ({"name": "x", "size": True}, ["size"]),
        ({"name": "x", "size": UNKNOWN}, []),
        ({"name": Secret(3)}, ["name"]),
        ({"name": "x", "mode": "c"}, ["mode"]),
        ({"name": "x", "labels": {"a": 1}}, ["labels.a"]),
        ({"name": "x", "rules": [{"port": "1"}, {"prot": "2"}]}, ["rules[1].prot"]),
        ({"name": 1, "size": "x", "zzz": 0}, ["zzz", "name", "size"]),
    ],
)
def test_wrong_inputs_are_told_by_path(values: dict[str, Value], paths: list[str]) -> None:
    """Unknown names, missing ones and wrong types are found, all in one go; right ones are not."""
    assert [one.path for one in failures(SCHEMA.inputs, values)] == paths


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"name": "x"}, {"name": "x"}, {}),
        ({"name": "x"}, {"name": Secret("x")}, {}),
        ({"name": "x"}, {"name": "y"}, {"name": (Change.UPDATE, True)}),
        ({"size": 1}, {"size": UNKNOWN}, {"size": (Change.UPDATE, False)}),
        ({}, {"size": 1}, {"size": (Change.ADD, False)}),
        ({"size": 1}, {}, {"size": (Change.DELETE, False)}),
        ({"labels": {"a": "1", "b": "2"}}, {"labels": {"a": "1"}},
         {"labels.b": (Change.DELETE, False)}),
        ({"labels": {"a.b/c": "1"}}, {"labels": {"a.b/c": "2"}},
         {'labels["a.b/c"]': (Change.UPDATE, False)}),
        ({"rules": [{"port": "1", "to": "a"}]}, {"rules": [{"port": "2", "to": "b"}]},
         {"rules[0].port": (Change.UPDATE, True), "rules[0].to": (Change.UPDATE, False)}),
        ({"rules": []}, {"rules": [{"port": "1"}]}, {"rules[0]": (Change.ADD, False)}),
        ({"size": 1}, {"size": True}, {"size": (Change.UPDATE, False)}),
    ],
)  # fmt: skip
def test_differences_are_told_by_path_and_weight(
    old: dict[str, Value], new: dict[str, Value], expected: dict[str, tuple[Change, bool]]
) -> None:
    """Each changed path is named with whether it replaces; secrecy alone is no change."""
    assert compare(SCHEMA, old, new) == {p: Difference(*one) for p, one in expected.items()}


def test_secrecy_is_carried_from_inputs_to_state() -> None:
    """What came in secret, or is secret by the schema, is stored secret; the rest is not."""
    state = state_of(SCHEMA, {"name": Secret("x"), "size": 1}, {"id": "7", "token": "t"})
    assert state == {"name": Secret("x"), "size": 1, "id": "7", "token": Secret("t")}
    assert with_secrets(SCHEMA.inputs, {"login": {"user": "u"}}) == {"login": Secret({"user": "u"})}
    assert carried({"a": Secret("old"), "b": "b"}, {"a": "new", "b": "c"}) == {
        "a": Secret("new"),
        "b": "c",
    }


def test_a_stand_in_that_returns_what_it_does_not_have_is_stopped() -> None:
    """An output outside the schema is a mistake in the stand-in, and fails loudly."""
    with pytest.raises(PluginError, match="unknown properties: colour"):
        state_of(SCHEMA, {}, {"colour": "red"})
