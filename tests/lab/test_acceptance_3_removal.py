"""Who is removed is out: at once where a node can be reached, from its first packet where not."""

from __future__ import annotations

import signal
import time

import pytest
from hcloud import Client

from tests.lab.laptop import laptop
from tests.lab.mesh import Declaration, Mesh
from tests.lab.running import Running

AWAY = "hel-b"
STAY = ("fsn-a", "fsn-b", "hel-a")
EVE = {"id": 9, "planes": ["management"]}
SECONDS = 20.0
"""From the start of a plain `pulumi up` until all nodes that it reaches refuse."""


def _hire(mesh: Declaration) -> None:
    mesh["operators"]["eve"] = EVE


def _fire(mesh: Declaration) -> None:
    del mesh["operators"]["eve"]


def _power(mesh: Mesh, *, on: bool) -> None:
    def switch(client: Client) -> None:
        server = client.servers.get_by_name(AWAY)
        assert server is not None
        (server.power_on() if on else server.power_off()).wait_until_finished()

    mesh.lab.cloud(switch)


@pytest.mark.timeout(420)
def test_a_removed_operator_is_out_also_where_nobody_could_say_so(
    mesh: Mesh, capsys: pytest.CaptureFixture[str]
) -> None:
    """Removed while a node is off: the others refuse at once, that one from its first packet.

    A plain `pulumi up` waits for that node; the removal does not.

    Alice, who stays, is let in by the rebooted node as soon as another node has answered it.
    """
    mesh.declare(_hire)
    mesh.must("up", "--yes", "--skip-preview")
    address = {
        name: told["addresses"]["management"]["ipv4"]
        for name, told in mesh.outputs()["nodes"].items()
    }
    with laptop(mesh, "eve", "wg1") as eve:
        for name in (*STAY, AWAY):
            assert eve.reaches(address[name], seconds=30), name
        _power(mesh, on=False)
        mesh.declare(_fire)
        refused = mesh.backplane("up", "--stack", "lab", "--wait", "5", "--yes", "--skip-preview")
        assert refused.code == 1
        assert AWAY in refused.err
        assert "--tolerate 1" in refused.err
        assert eve.reaches(address[STAY[0]], seconds=5), "nothing may have changed yet"
        echoes = {name: eve.echo(address[name]) for name in STAY}
        plain = Running.up(mesh)
        for name in STAY:
            plain.seen(f"{name}: held out as removed: eve")
        out = time.time() - plain.began
        plain.process.send_signal(signal.SIGINT)
        assert plain.end().code != 0
        last = {name: max(echo.end()) - plain.began for name, echo in echoes.items()}
        assert 0 < max(last.values()) < out < SECONDS, last
        for name in STAY:
            assert not eve.reaches(address[name], seconds=1), name
        up = mesh.backplane(
            *("up", "--stack", "lab", "--tolerate", "1", "--wait", "5"),
            *("--yes", "--skip-preview", "--non-interactive"),
        )
        assert up.code == 0, up.out + up.err
        assert f"going on without {AWAY}" in up.err
        assert f"left out, not reached: {AWAY}" in up.out
        for name in STAY:
            assert not eve.reaches(address[name], seconds=1), name
            assert "10.201.255.9/32" not in mesh.lab.exec(name, "wg show wg1 allowed-ips")

        heard = eve.echo(address[AWAY])
        _power(mesh, on=True)
        on = time.time()
        node = mesh.lab.on(AWAY)
        node.wait_until_succeeds("test -e /run/backplane/removed.json", 90)
        let_in = time.time() - on
        assert "eve" in node.succeed("cat /run/backplane/removed.json")
        # Its session is as good as ever: what is kept out is everything inside it.
        assert "10.201.255.9/32" in node.succeed("wg show wg1 allowed-ips")
        assert not eve.reaches(address[AWAY], seconds=3)
        assert heard.end() == []
    with laptop(mesh, "alice", "wg1") as alice:
        assert alice.reaches(address[AWAY], seconds=30)
    first, final = min(last.values()), max(last.values())
    with capsys.disabled():
        print(  # noqa: T201
            f"\nremoved: a plain `up` that waits for {AWAY} had the others refuse within "
            f"{final:.1f} s of its start, {final - first:.1f} s apart; {AWAY} knew who was "
            f"removed {let_in:.1f} s after power on"
        )
    mesh.must("up", "--yes", "--skip-preview")
    assert "10.201.255.9/32" not in mesh.lab.exec(AWAY, "wg show wg1 allowed-ips")
    assert mesh.verify()["ok"] is True
