"""People: by one peer a site, out everywhere at once, refused after their last day."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from backplane.days import end_of
from lab.faults.clock import skewed
from lab.network.namespace import Namespace
from tests.lab.laptop import Laptop, laptop
from tests.lab.mesh import Declaration, Mesh

NODES = ("fsn-a", "fsn-b", "hel-a", "hel-b")
ENTRY, BEHIND = "fsn-a", "fsn-b"
DEVICES = tuple(f"dev-{number}" for number in range(11))
LATE = "late"
SOON = 12.0
"""Seconds before the end of a last day at which nodes' clocks are set."""

REFUSED = 10.0
"""Seconds from the start of `backplane operator revoke` until the last node refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The mesh with an entry node and ten devices, one key for the SSH of all.

    Attributes:
        mesh: the mesh.
        key: file of the private key.
        hosts: file of known hosts.
        address: management addresses by node, IPv4.
        six: the same, IPv6.
    """

    mesh: Mesh
    key: Path
    hosts: Path
    address: dict[str, str]
    six: dict[str, str]

    def ssh(self, node: str, command: str) -> str:
        """The command line for something on a node, as somebody on a laptop types it."""
        return (
            f"ssh -F none -i {self.key} -o UserKnownHostsFile={self.hosts} -o BatchMode=yes "
            "-o StrictHostKeyChecking=yes -o ConnectTimeout=5 "
            f"root@{self.address[node]} {command}"
        )


@pytest.fixture(scope="module")
def people(mesh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """Devices come with one `up` and go with another, of which nothing is left."""
    folder = tmp_path_factory.mktemp("people")
    key, hosts = folder / "id", folder / "known_hosts"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
    tomorrow = (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)).isoformat()

    def come(declared: Declaration) -> None:
        declared["sites"]["fsn"]["entry"] = [ENTRY]
        for number, name in enumerate((*DEVICES, LATE)):
            one = {"id": 100 + number, "planes": ["management"], "ssh_key": public}
            declared["operators"][name] = {**one, **({"expires": tomorrow} if name == LATE else {})}

    def leave(declared: Declaration) -> None:
        declared["sites"]["fsn"].pop("entry", None)
        for name in (*DEVICES, LATE):
            declared["operators"].pop(name, None)

    mesh.declare(come)
    up = mesh.must("up", "--yes", "--skip-preview")
    assert f"operator {LATE}: the last day is {tomorrow}" in up.out + up.err
    told = mesh.outputs()
    hosts.write_text(told["known_hosts"])
    at = {name: told["nodes"][name]["addresses"]["management"] for name in NODES}
    yield People(
        mesh=mesh,
        key=key,
        hosts=hosts,
        address={name: one["ipv4"] for name, one in at.items()},
        six={name: one["ipv6"] for name, one in at.items()},
    )
    mesh.declare(leave)
    mesh.must("up", "--yes", "--skip-preview")
    for name in NODES:
        place = mesh.lab.on(name)
        assert place.succeed("grep -rlwE 'dev-[0-9]|late' /run/backplane/active/ || true") == ""
        assert "10.201.255.10" not in place.succeed("wg show all allowed-ips; nft list ruleset")
    assert mesh.verify()["ok"] is True


def test_one_peer_leads_to_a_whole_site(people: People) -> None:
    """All its nodes by the entry, in both families, SSH too; no other port, plane or site by it."""
    files = people.mesh.outputs()["operators"][DEVICES[0]]
    direct = people.mesh.outputs()["direct"][DEVICES[0]]
    assert [text.count("[Peer]") for text in (*files.values(), *direct.values())] == [3, 4]
    with laptop(people.mesh, DEVICES[0], "wg1") as device:
        for name in NODES:
            assert device.reaches(people.address[name], seconds=20), name
            assert device.reaches(people.six[name], seconds=20), name
            source = device.place.succeed(people.ssh(name, "echo \\$SSH_CONNECTION")).split()[0]
            expected = people.address[ENTRY] if name == BEHIND else "10.201.255.100"
            assert source == expected, name
        shut = device.place.fail(f"timeout 4 bash -c '</dev/tcp/{people.address[BEHIND]}/9100'")
        assert "refused" not in shut, "nothing is answered"
        # Its own tunnel knows no other plane; nor does the entry, whatever is sent to it.
        device.place.succeed("ip route add 10.202.0.0/16 dev laptop")
        assert not device.reaches(people.address[BEHIND].replace("10.201", "10.202"), seconds=3)
        peers = people.mesh.lab.on(BEHIND).succeed("wg show wg1 allowed-ips")
        assert peers.count("10.201.255.100/32") == 1, "the direct way stays"


def test_a_revoked_device_is_refused_by_the_last_node_in_seconds(
    people: People, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """Echoes of four nodes stop; sessions end, directly and behind the entry.

    Twice in the gate, ten times where everything is tried.
    """
    worst = []
    all_of_them = bool(request.config.getoption("--every-fault"))
    for name in DEVICES if all_of_them else DEVICES[:3]:
        with laptop(people.mesh, name, "wg1") as device:
            for node in NODES:
                assert device.reaches(people.address[node], seconds=20), node
            if name == DEVICES[0]:
                _sessions_end(people, device, name)
                continue
            echoes = {node: device.echo(people.address[node]) for node in NODES}
            began = time.time()
            done = people.mesh.backplane("operator", "revoke", name, "--stack", "lab", "--json")
            assert done.code == 0, done.out + done.err
            time.sleep(1)
            last = {node: echo.end()[-1] - began for node, echo in echoes.items()}
            told = json.loads(done.out)
            assert sorted(told["held"]) == list(NODES)
            assert min(told["held"].values()) == told["held"][ENTRY], "people come in by it"
            assert max(last.values()) <= REFUSED, last
            assert not device.reaches(people.address[BEHIND], seconds=1)
            worst.append(max(last.values()))
        assert f"{name}:" not in people.mesh.stack_file.read_text()
    with capsys.disabled():
        sys.stdout.write(f"\nrevoked, last of 4 nodes refuses after: {sorted(worst)}\n")


def _sessions_end(people: People, device: Laptop, name: str) -> None:
    space = Namespace(people.mesh.lab.lab.namespace("internet"))
    sleeping = "sleep 98765"
    sessions = [
        subprocess.Popen(
            [*space.entry, "sh", "-c", people.ssh(node, sleeping)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for node in (ENTRY, BEHIND)
    ]  # fmt: skip
    seek = f"pgrep -xf '{sleeping}'"
    for node in (ENTRY, BEHIND):
        people.mesh.lab.on(node).wait_until_succeeds(seek, 20)
    done = people.mesh.backplane("operator", "revoke", name, "--stack", "lab")
    assert done.code == 0, done.out + done.err
    assert "is refused by 4 nodes" in done.out
    for node in (ENTRY, BEHIND):
        people.mesh.lab.on(node).fail(seek)
        assert people.mesh.lab.on(node).succeed("systemctl is-active ssh") == "active\n"
    assert not device.reaches(people.address[BEHIND], seconds=1)
    for session in sessions:
        session.kill()
        session.wait()


def test_after_the_last_day_nodes_refuse_by_themselves(people: People) -> None:
    """No `up` and no runner: each node's clock says so, and as long as it says otherwise, not."""
    day = people.mesh.outputs()["plan"]["people"][LATE]["expires"]
    machines = {name: people.mesh.lab.machine(name) for name in NODES}
    renew = "systemctl restart backplane-members.service"
    with laptop(people.mesh, LATE, "wg1") as device:
        for name in NODES:
            assert device.reaches(people.address[name], seconds=20), name
        with ExitStack() as stack:
            ahead = end_of(day) - SOON - time.time()
            for machine in machines.values():
                stack.enter_context(skewed(machine, ahead))
            began = time.monotonic()
            for name in NODES:
                people.mesh.lab.on(name).succeed(renew)
            assert device.reaches(people.address[BEHIND], seconds=3), "the day is not over"
            time.sleep(max(0.0, SOON + 3 - (time.monotonic() - began)))
            for name in NODES:
                assert not device.reaches(people.address[name], seconds=1), name
        for name in NODES:
            people.mesh.lab.on(name).succeed(renew)
        for name in NODES:
            assert device.reaches(people.address[name], seconds=20), f"{name}: it is not over yet"
