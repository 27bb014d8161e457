"""What all stand-ins share, through the real engine: strictness, announcement, interruption."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from lab.setup import toolchain
from tests.pulumi_project import PulumiProject

RAW = """
import pulumi
class Raw(pulumi.CustomResource):
    def __init__(self, props):
        super().__init__({token!r}, "raw", props)
Raw({props!r})
"""


@pytest.mark.parametrize(
    ("token", "props", "message"),
    [
        ("random:index/randomBytes:RandomBytes", {"length": 8, "lenght": 9},
         "unknown property 'lenght'"),
        ("random:index/randomBytes:RandomBytes", {}, "missing required property 'length'"),
        ("random:index/randomBytes:RandomBytes", {"length": "8"}, "must be a whole number"),
        ("random:index/randomShuffle:RandomShuffle", {}, "no resource type"),
        ("command:local:Command", {"creat": "true"}, "unknown property 'creat'"),
        ("command:local:Command", {"logging": "all"}, "must be one of stdout"),
        ("command:remote:Command", {"connection": {"host": "x", "pot": 1}},
         "unknown property 'pot'"),
    ],
)  # fmt: skip
def test_what_the_official_provider_lacks_fails_loudly(
    engine: PulumiProject, token: str, props: dict[str, object], message: str
) -> None:
    """An unknown type, an unknown or missing property and a wrong type stop a preview."""
    if token.split(":", maxsplit=1)[0] not in {
        name.split("-")[1] for name in toolchain.stand_ins()
    }:
        return  # the official plugin answers here, in its own words
    engine.program(RAW.format(token=token, props=props))
    done = engine.run("preview", check=False)
    assert done.code != 0
    assert message in done.text


def test_a_stand_in_says_that_it_is_one(engine: PulumiProject) -> None:
    """Whoever reads the run's output learns which plugins were stand-ins."""
    engine.program("import pulumi_random as random; random.RandomId('i', byte_length=2)")
    shown = engine.up().text
    assert ("'random' is the lab's stand-in" in shown) == (
        "resource-random" in toolchain.stand_ins()
    )


def test_outputs_are_unknown_in_preview_and_known_after(engine: PulumiProject) -> None:
    """A preview hands on unknown values, so dependents are planned and nothing is made up."""
    engine.program("""
        import pulumi, pulumi_random as random
        from pulumi_command import local
        i = random.RandomId("i", byte_length=2)
        c = local.Command("c", create=pulumi.Output.concat("echo ", i.hex))
        pulumi.export("c", c.stdout)
        """)
    [planned] = [s for s in engine.preview()["steps"] if s["urn"].endswith("::c")]
    assert planned["op"] == "create"
    assert planned["newState"]["inputs"].get("create") != "echo "
    assert "stdout" not in planned["newState"].get("outputs", {}) or planned["newState"]["outputs"][
        "stdout"
    ] in ("", "04da6b54-80e4-46f7-96ec-b56ff0331ba9", "[unknown]")
    engine.up()
    outputs = engine.resources()
    assert engine.outputs()["c"] == outputs["i"]["outputs"]["hex"]


def test_an_interrupt_ends_the_running_command(engine: PulumiProject, tmp_path: Path) -> None:
    """Ctrl-C twice cancels the run; the command is killed, and no plugin is left behind."""
    started, ended = tmp_path / "started", tmp_path / "ended"
    text = f"echo $$ > {started}; sleep 120; touch {ended}"
    engine.program(f"from pulumi_command import local\nlocal.Command('c', create={text!r})")
    process = subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"],
        cwd=engine.directory, env=engine.env,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 60
    while not (started.exists() and started.read_text().strip()):
        assert time.monotonic() < until, "the command never began"
        time.sleep(0.05)
    number = int(started.read_text())
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) != 0
    until = time.monotonic() + 20
    while Path(f"/proc/{number}").exists():
        assert time.monotonic() < until, f"command {number} outlived the interrupt"
        time.sleep(0.1)
    assert not ended.exists()
