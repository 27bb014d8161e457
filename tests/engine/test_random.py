"""The stand-in for `random`, through the real engine."""

import base64

import pytest

from tests.pulumi_project import PulumiProject

BYTES = """
import pulumi, pulumi_random as random
b = random.RandomBytes("b", length={length}, keepers={{"epoch": "{epoch}"}})
pulumi.export("base64", b.base64)
pulumi.export("hex", b.hex)
"""


def test_bytes_are_drawn_once_and_kept(engine: PulumiProject) -> None:
    """32 bytes come in both notations, stay over up and refresh, and a new keeper redraws them."""
    engine.program(BYTES.format(length=32, epoch=1))
    engine.up()
    first = engine.outputs()
    assert len(base64.b64decode(first["base64"])) == 32
    assert base64.b64decode(first["base64"]).hex() == first["hex"]
    assert engine.steps() == {}
    engine.refresh("--expect-no-changes")
    assert engine.outputs() == first
    engine.program(BYTES.format(length=32, epoch=2))
    assert engine.detail("b") == {"keepers.epoch": "update-replace"}
    engine.up()
    assert engine.outputs()["hex"] != first["hex"]


def test_secrets_are_secret_in_state_and_display(engine: PulumiProject) -> None:
    """Bytes and passwords stand in no state, diff or output in clear; an id, being none, does."""
    engine.program("""
        import pulumi, pulumi_random as random
        b = random.RandomBytes("b", length=32)
        p = random.RandomPassword("p", length=20, min_special=2, special=True)
        i = random.RandomId("i", byte_length=4, prefix="x-")
        for name, value in {"b": b.base64, "h": b.hex, "p": p.result, "i": i.hex}.items():
            pulumi.export(name, value)
        """)
    shown = engine.up("--diff").text + engine.run("preview", "--json").stdout
    clear = engine.outputs()
    state = engine.state_text()
    for name in ("b", "h", "p"):
        assert clear[name] not in shown + state, name
    assert clear["i"] in state
    assert clear["i"].startswith("x-")
    assert len(clear["p"]) == 20
    assert sum(letter in "!@#$%&*()-_=+[]{}<>:?" for letter in clear["p"]) >= 2


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ("random.RandomBytes('b', length=0)", "must be at least 1, not 0"),
        ("random.RandomPassword('b', length=2, min_lower=3)", "the sum of the least numbers, 3"),
    ],
)
def test_impossible_inputs_are_refused_before_anything_is_made(
    engine: PulumiProject, resource: str, message: str
) -> None:
    """No length, and a password shorter than its parts, fail; nothing is recorded."""
    engine.program(f"import pulumi_random as random\n{resource}")
    done = engine.up(check=False)
    assert done.code != 0
    assert message in done.text
    assert "b" not in engine.resources()
