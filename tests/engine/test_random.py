"""The stand-in for `random`, through the real engine."""

import base64

from tests.pulumi_project import PulumiProject

BYTES = """
import pulumi, pulumi_random as random
b = random.RandomBytes("b", length={length}, keepers={{"epoch": "{epoch}"}})
pulumi.export("base64", b.base64)
pulumi.export("hex", b.hex)
"""


def test_bytes_are_drawn_once_and_kept(engine: PulumiProject) -> None:
    """32 bytes come in both notations, stay over a second up, and are redrawn by a new keeper."""
    engine.program(BYTES.format(length=32, epoch=1))
    engine.up()
    first = engine.outputs()
    assert len(base64.b64decode(first["base64"])) == 32
    assert base64.b64decode(first["base64"]).hex() == first["hex"]
    assert engine.steps() == {}
    engine.up()
    assert engine.outputs() == first
    engine.program(BYTES.format(length=32, epoch=2))
    assert engine.detail("b") == {"keepers.epoch": "update-replace"}
    engine.up()
    assert engine.outputs()["hex"] != first["hex"]
