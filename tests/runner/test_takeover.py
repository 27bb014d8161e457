"""The processes of a takeover: what they read, what they refuse, and when a machine may go."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

import asyncssh
import pytest

from backplane import keys
from backplane.check import checked_plan
from backplane.render import takeover as render
from runner import given_back, public
from runner.problem import RunnerError
from runner.takeover_order import Order
from tests.core import example

ROOT = Path(__file__).resolve().parents[2]
SECRET = "-----BEGIN OPENSSH PRIVATE KEY-----"


def order() -> str:
    """What the program sends for a machine that is there already."""
    mesh = example.raw()
    site = mesh["sites"]["hel"]
    site.update(cloud="existing", image="ubuntu-24.04")
    del site["location"]
    site["nodes"] = {
        "hel-a": {
            "id": 1,
            "bridges": ["docker0"],
            "machine": {"ipv4": "203.0.113.7", "host_key": "first-seen", "user": "admin"},
        }
    }
    made = example.material(mesh)
    parts = render.Parts(
        way="10.200.2.1",
        bootstrap=keys.bootstrap(example.seed("hel-a"), 1),
        identity=made.identities["hel-a"],
        runner=made.cards["runner"],
        push_public="ssh-ed25519 AAAA",
        push_private=SECRET,
    )
    return render.order(made.plan, "hel-a", parts)


def test_the_order_says_all_and_shows_no_secret() -> None:
    """What the core writes the process reads; its text in a log has no key."""
    read = Order.read(order())
    assert (read.door.host, read.door.user, read.door.pin) == ("203.0.113.7", "admin", None)
    assert (read.way, read.system, read.bridges) == ("10.200.2.1", "ubuntu-24.04", ["docker0"])
    assert set(read.files) == {
        "authorized_keys", "nftables.nft", "ssh_host_ed25519_key", "sshd.conf", "sysctl.conf",
        "wireguard/wg0.conf",
    }  # fmt: skip
    assert SECRET not in repr(read)
    assert "PrivateKey" not in repr(read)
    for wrong in ("", "{}", order().replace('"way"', '"road"')):
        with pytest.raises(ValueError, match="cannot be read"):
            Order.read(wrong)


def test_a_machine_of_a_cloud_has_no_order() -> None:
    """Only what is there already is taken over."""
    plan = checked_plan(example.raw(), project="backplane", stack="lab")
    with pytest.raises(ValueError, match="fsn-a is no machine that is there"):
        render.order(plan, "fsn-a", None)  # type: ignore[arg-type]


def _run(module: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"runner.{module}"],
        input=stdin,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_started_by_hand_it_says_who_starts_it() -> None:
    """Without an order it ends with 2 and one line."""
    done = _run("takeover", "nonsense")
    assert done.returncode == 2
    assert done.stderr == "takeover: the order cannot be read; it is started by `pulumi up`\n"


class Sshd:
    """An SSH server that shows a host key and lets nobody in."""

    def __init__(self) -> None:
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.port = 0

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()

        async def serve() -> None:
            server = await asyncssh.create_server(
                asyncssh.SSHServer, "127.0.0.1", 0, server_host_keys=[self.key]
            )
            self.port = server.get_port()
            ready.set()

        def run() -> None:
            self._loop.run_until_complete(serve())
            self._loop.run_forever()

        threading.Thread(target=run, daemon=True).start()
        assert ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    def door(self, pin: str | None = None) -> public.Door:
        """How it is reached."""
        return public.Door(node="a", host="127.0.0.1", port=self.port, user="admin", pin=pin)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _knock(door: public.Door) -> str:
    with pytest.raises(RunnerError) as caught:
        asyncio.run(public.knock(door))
    return str(caught.value)


def test_each_way_not_to_get_in_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody there, another host key, no key that opens, and a key file that is none."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with Sshd() as server:
        shut = public.Door(node="a", host="127.0.0.1", port=_free_port(), user="root", pin=None)
        assert "no sshd with an ed25519 host key answers" in _knock(shut)
        other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
        assert "shows another host key than `host_key` says: SHA256:" in _knock(server.door(other))
        said = _knock(server.door())
        assert "does not let this machine's user in" in said
        assert f"ssh -p {server.port} admin@127.0.0.1 true" in said
        (tmp_path / "key").write_text("nothing")
        monkeypatch.setenv(public.KEY, str(tmp_path / "key"))
        assert "holds no private key that can be read" in _knock(server.door())


def test_a_machine_goes_only_when_its_owner_reaches_it() -> None:
    """An SSH host key is shown: it may go. Nobody answers: it stays, unless it is called gone."""
    with Sshd() as server:
        there = {"BACKPLANE_NODE": "a", "BACKPLANE_ADDRESS": "127.0.0.1"}
        assert _run("given_back", **there, BACKPLANE_PORT=str(server.port)).returncode == 0
        dark = {**there, "BACKPLANE_PORT": str(_free_port())}
        refused = _run("given_back", **dark)
        assert refused.returncode == 1
        assert "run `backplane release a`" in refused.stderr
        assert _run("given_back", **dark, BACKPLANE_GONE="b,a").returncode == 0
        assert _run("given_back", **dark, BACKPLANE_GONE="b").returncode == 1
    assert given_back.GONE == "BACKPLANE_GONE"


def test_the_order_is_json_of_one_line() -> None:
    """It is the whole of a process's standard input."""
    assert json.loads(order())["stack"] == "lab"
