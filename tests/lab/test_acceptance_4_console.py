"""Break glass: a node whose two ways in are dead for good, brought back through its console.

The runbook (docs/runbooks/break-glass.md) is what is typed here, line by line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.machines.cable import Cable
from tests.lab.mesh import Declaration, Mesh

RUNBOOK = Path(__file__).resolve().parents[2] / "docs" / "runbooks" / "break-glass.md"
NODE, OTHER = "hel-a", "fsn-a"
BREAK = (
    "systemctl mask --now wg-quick@wg0.service wg-quick@wg1.service; "
    "ip link del wg0; ip link del wg1; ! ip link show wg0 && ! ip link show wg1"
)
"""What a person may do by mistake: it outlives a boot, and no timer of ours undoes it."""

_ASK = (
    "-o BatchMode=no -o PubkeyAuthentication=no -o NumberOfPasswordPrompts=1 "
    "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 "
    "-o PreferredAuthentications=password,keyboard-interactive"
)


def typed() -> list[str]:
    """What the runbook says to type on the node, in order."""
    told = RUNBOOK.read_text(encoding="utf-8")
    part = told.partition("## Look and mend")[2].partition("\n## ")[0]
    return [
        line
        for block in re.findall(r"```sh\n(.*?)```", part, re.DOTALL)
        for line in block.splitlines()
    ]


@pytest.fixture(scope="module")
def passwords(mesh: Mesh) -> dict[str, dict[str, str]]:
    """The stack's secret output, as it is before the drill."""
    found: dict[str, dict[str, str]] = mesh.outputs()["console"]
    mesh.passwords |= {one["password"] for one in found.values()}
    return found


@pytest.fixture
def cable(mesh: Mesh) -> Iterator[Cable]:
    """A person at the node's console."""
    made = Cable(mesh.lab.machine(NODE))
    made.plug()
    yield made
    made.unplug()


def test_every_console_has_a_password_of_its_own(
    mesh: Mesh, passwords: dict[str, dict[str, str]]
) -> None:
    """Four nodes, four passwords, and on each node the hash alone: in shadow, for root's eyes."""
    assert sorted(passwords) == ["fsn-a", "fsn-b", "hel-a", "hel-b"]
    assert len({one["password"] for one in passwords.values()}) == 4
    for name, one in passwords.items():
        node = mesh.lab.on(name)
        entry = node.succeed("getent shadow root").strip()
        assert re.fullmatch(r"root:\$2b\$05\$[./A-Za-z0-9]{53}:::::::", entry), name
        assert node.succeed("stat -c '%a %U %G' /etc/shadow").strip() == "640 root shadow"
        assert one["password"] not in node.succeed("cat /etc/shadow /run/backplane/active/console")


def test_a_wrong_password_is_refused_and_the_right_one_is_not(
    cable: Cable, passwords: dict[str, dict[str, str]]
) -> None:
    """Another node's, and one without its spaces, are wrong; then the node's own leads in."""
    own = passwords[NODE]
    assert not cable.login(own["user"], passwords[OTHER]["password"])
    assert not cable.login(own["user"], own["password"].replace(" ", ""))
    assert cable.login(own["user"], own["password"])
    assert cable.run("id -un; hostname").split() == ["root", NODE]
    # It is asked for unseen.
    assert own["password"] not in cable.seen


def _attempt(mesh: Mesh, name: str, password: str, where: str) -> str:
    """A shell line that tries the password over SSH from a node, without a word of it."""
    machine = mesh.lab.machine(name)
    write = "umask 077; mkdir -p /run/drill; cat >/run/drill/typed; chmod 0700 /run/drill/typed"
    done = machine.run("sh", "-c", write, stdin=f"#!/bin/sh\necho '{password}'\n")
    assert done.returncode == 0
    ask = "SSH_ASKPASS=/run/drill/typed SSH_ASKPASS_REQUIRE=force DISPLAY=x"
    return f"{ask} timeout 15 ssh {_ASK} {where} true"


def test_an_sshd_that_takes_passwords_takes_this_one(
    mesh: Mesh, passwords: dict[str, dict[str, str]]
) -> None:
    """The control: by the same attempt, at an sshd of the tests' own on loopback, one gets in."""
    own = passwords[NODE]
    node = mesh.lab.on(NODE)
    node.succeed(
        "/usr/sbin/sshd -f /dev/null -h /run/backplane/active/ssh_host_ed25519_key "
        "-o ListenAddress=127.0.0.1:2222 -o PermitRootLogin=yes -o PasswordAuthentication=yes "
        "-o UsePAM=yes -o PidFile=/run/drill.pid"
    )
    try:
        where = "-p 2222 root@127.0.0.1"
        node.wait_until_succeeds(_attempt(mesh, NODE, own["password"], where), 30)
        node.fail(_attempt(mesh, NODE, passwords[OTHER]["password"], where))
    finally:
        node.succeed("kill $(cat /run/drill.pid); rm -rf /run/drill")


@pytest.mark.parametrize("plane", ["enrollment", "management", "monitoring", "storage"])
def test_the_right_password_opens_no_ssh(
    mesh: Mesh, passwords: dict[str, dict[str, str]], plane: str
) -> None:
    """From another node: sshd asks nobody for one, or does not listen there."""
    own = passwords[NODE]
    node = mesh.lab.on(OTHER)
    addresses = mesh.outputs()["nodes"][NODE]["addresses"][plane]
    try:
        for address in addresses.values():
            said = node.fail(_attempt(mesh, OTHER, own["password"], f"root@{address}"))
            # On storage it listens for copies; on monitoring it does not listen.
            listens = plane != "monitoring"
            assert ("Permission denied (publickey)." in said) is listens, said
            assert "password" not in said.lower()
    finally:
        node.succeed("rm -r /run/drill")


def test_the_drill(mesh: Mesh, passwords: dict[str, dict[str, str]]) -> None:
    """wg0 and wg1 of a node are gone for good: nobody gets in but by its console, and it is back.

    What is typed there is the runbook's, and `verify` is well afterwards.
    """
    node = mesh.lab.on(NODE)
    node.succeed(BREAK)
    mesh.tunnel("up")
    at = mesh.outputs()["nodes"][NODE]["addresses"]
    for slot in ("enrollment", "management"):
        mesh.lab.runner.fail(f"ping -c 1 -W 2 {at[slot]['ipv4']}")
    mesh.tunnel("down")
    assert not mesh.verify(seconds=5)["ok"]
    told = json.loads(mesh.backplane("status", "--stack", "lab", "--wait", "3", "--json").out)
    assert (told["nodes"][NODE]["wg0"], told["nodes"][NODE]["wg1"]) == (False, False)
    assert told["nodes"][OTHER]["wg1"]

    done = mesh.run(
        *(str(mesh.project / ".venv/bin/python"), "-m", "scripts.cli"),
        *("console", NODE, "--stack", "lab", "--yes", "--json"),
    )
    said = json.loads(done.out)
    assert {key: said[key] for key in ("user", "password")} == passwords[NODE]
    cable = Cable(mesh.lab.machine(NODE))
    cable.plug()
    try:
        assert cable.login(said["user"], said["password"])
        lines = typed()
        assert len(lines) >= 3
        shown = "".join(cable.run(line) for line in lines)
    finally:
        cable.unplug()
    assert "wg-quick@wg0.service" in shown
    assert '"error"' not in shown
    assert mesh.verify()["ok"]
    assert mesh.backplane("drift", "--stack", "lab").code == 0


def test_afterwards_the_password_is_another(
    mesh: Mesh, passwords: dict[str, dict[str, str]]
) -> None:
    """`rotate console --node` and `up`: that node's alone, the old one refused, the new one not."""
    before = mesh.stack_file.read_text()
    rotated = mesh.backplane("rotate", "console", "--node", NODE, "--stack", "lab")
    assert rotated.code == 0, rotated.err
    up = mesh.must("up", "--yes", "--skip-preview")
    assert up.counts.get("replaced", 0) == 0
    later = mesh.outputs()["console"]
    assert [name for name in later if later[name] != passwords[name]] == [NODE]
    _old_is_refused(mesh, passwords[NODE]["password"], later[NODE]["password"])
    # All of them, out of fresh randomness; the declaration is then as it was but for the epoch.
    mesh.stack_file.write_text(before)

    def raised(mesh: Declaration) -> None:
        mesh["console"] = {"epoch": 2}

    mesh.declare(raised)
    mesh.must("up", "--yes", "--skip-preview")
    last = mesh.outputs()["console"]
    mesh.passwords |= {one["password"] for one in later.values()}
    known = {one["password"] for one in (*passwords.values(), *later.values())}
    assert not known & {one["password"] for one in last.values()}
    _old_is_refused(mesh, passwords[NODE]["password"], last[NODE]["password"])
    assert mesh.verify()["ok"]


def _old_is_refused(mesh: Mesh, old: str, new: str) -> None:
    cable = Cable(mesh.lab.machine(NODE))
    cable.plug()
    try:
        assert not cable.login("root", old)
        assert cable.login("root", new)
    finally:
        cable.unplug()
