"""What user-data held is burnt: its key, its PSK and its host key open and prove nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lab.network.namespace import Namespace
from tests.lab.mesh import Mesh

NODES = ("fsn-a", "fsn-b", "hel-a", "hel-b")
CALLING = 12.0  # seconds: two attempts of WireGuard's handshake (REKEY_TIMEOUT is 5 s)


@contextmanager
def _tunnel(mesh: Mesh) -> Iterator[None]:
    mesh.tunnel("up")
    try:
        yield
    finally:
        mesh.tunnel("down")


def _handshakes(
    mesh: Mesh, private: str, peers: dict[str, tuple[str, str, str]]
) -> dict[str, bool]:
    """Which peers, given as (public key, PSK, endpoint), shake hands with a private key."""
    space, name = Namespace(mesh.lab.lab.runner), "bp-burnt"
    text = f"[Interface]\nPrivateKey = {private}\n" + "".join(
        f"[Peer]\nPublicKey = {public}\nPresharedKey = {psk}\nEndpoint = {endpoint}\n"
        "PersistentKeepalive = 1\n"
        for public, psk, endpoint in peers.values()
    )
    space.run("wireguard-go", name)
    try:
        space.run("wg", "setconf", name, "/dev/stdin", stdin=text)
        space.ip(f"link set {name} up")
        end = time.monotonic() + CALLING
        while time.monotonic() < end:
            told = dict(
                line.split("\t")
                for line in space.run("wg", "show", name, "latest-handshakes").splitlines()
            )
            if all(int(told[public]) for public, _, _ in peers.values()):
                break
            time.sleep(0.2)
        return {node: bool(int(told[public])) for node, (public, _, _) in peers.items()}
    finally:
        space.ip(f"link delete {name}")


def _public(mesh: Mesh, private: str) -> str:
    return Namespace(mesh.lab.lab.runner).run("wg", "pubkey", stdin=private).strip()


def test_the_one_time_wireguard_key_opens_nothing_any_more(mesh: Mesh) -> None:
    """With the runner's own key, user-data's key and PSK no longer open wg0; the lasting do.

    A mixture of one and the other opens nothing either.
    """
    runner = mesh.outputs()["runner"]
    own = runner["runners"]["runner"]
    private = own["sides"]["enrollment"]["private_key"]
    lasting: dict[str, tuple[str, str, str]] = {}
    burnt: dict[str, tuple[str, str, str]] = {}
    mixed: dict[str, tuple[str, str, str]] = {}
    for name in NODES:
        text = mesh.lab.machine(name).book().spec.user_data
        key = re.search(r"PrivateKey = (\S{44})", text)
        psk = re.search(r"PresharedKey = (\S{44})", text)
        assert key is not None
        assert psk is not None
        node = runner["nodes"][name]
        endpoint = f"{node['endpoint']}:51820"
        public = node["planes"]["enrollment"]["public_key"]
        burnt[name] = (_public(mesh, key[1]), psk[1], endpoint)
        mixed[name] = (public, psk[1], endpoint)
        lasting[name] = (public, own["psks"][name]["enrollment"], endpoint)
        assert burnt[name][0] != public
    assert _handshakes(mesh, private, burnt) == dict.fromkeys(NODES, False)
    assert _handshakes(mesh, private, mixed) == dict.fromkeys(NODES, False)
    assert _handshakes(mesh, private, lasting) == dict.fromkeys(NODES, True)


def _host_keys(mesh: Mesh, addresses: list[str]) -> set[str]:
    told = mesh.lab.runner.succeed(f"ssh-keyscan -T 5 {' '.join(addresses)} 2>/dev/null")
    return {" ".join(line.split()[1:3]) for line in told.splitlines()}


def test_sshd_no_longer_shows_the_one_time_host_key(mesh: Mesh) -> None:
    """On wg0 and wg1 each node shows its lasting host key, and no other of any kind."""
    runner = mesh.outputs()["runner"]
    with _tunnel(mesh):
        for name in NODES:
            text = mesh.lab.machine(name).book().spec.user_data
            pem = re.search(r" *-----BEGIN OPENSSH.*?END OPENSSH PRIVATE KEY-----", text, re.DOTALL)
            assert pem is not None
            one_time = _public_ssh(mesh, pem[0])
            node = runner["nodes"][name]
            planes = ("enrollment", "management")
            addresses = [node["planes"][plane]["v4"] for plane in planes]
            mesh.lab.runner.wait_until_succeeds(f"ping -c1 -W1 {addresses[0]}")
            shown = _host_keys(mesh, addresses)
            assert shown == {node["host_key"]}
            assert one_time not in shown


def _public_ssh(mesh: Mesh, indented: str) -> str:
    pem = "\n".join(line.strip() for line in indented.splitlines()) + "\n"
    path = mesh.folder / "one-time"
    path.touch(mode=0o600)
    path.write_text(pem)
    try:
        told = mesh.lab.runner.succeed(f"ssh-keygen -y -f {path}")
    finally:
        path.unlink()
    return " ".join(told.split()[:2])
