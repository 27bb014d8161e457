"""Images: real Debian in two releases, with nothing of the computer that built them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hcloud import Client
from hcloud.images import Image
from hcloud.images.client import BoundImage
from hcloud.server_types import ServerType
from hcloud.servers.client import BoundServer

from lab.image import mirror
from lab.image.build import ensure
from lab.image.recipe import SUITES, Recipe
from lab.layout import LabError
from tests.lab.conftest import RULES, USER_DATA
from tests.lab.verbs import TestLab

pytestmark = pytest.mark.lab


def _order(client: Client, name: str, image: Image | BoundImage) -> None:
    """Order a server behind a firewall of its own kind and wait until it is switched on."""
    firewall = client.firewalls.get_by_name("images")
    if firewall is None:
        firewall = client.firewalls.create(name="images", rules=RULES).firewall
    answer = client.servers.create(
        name=name,
        server_type=ServerType(name="cx23"),
        image=image,
        firewalls=[firewall],
        user_data=USER_DATA,
    )
    answer.action.wait_until_finished(max_retries=3000)


def _delete(client: Client, name: str) -> None:
    server = client.servers.get_by_name(name)
    if server is not None:
        client.servers.delete(server).wait_until_finished()


def _server(client: Client, name: str) -> BoundServer:
    server = client.servers.get_by_name(name)
    assert server is not None
    return server


@pytest.mark.timeout(900)
def test_a_debian_13_machine_boots_and_installs(bare_lab: TestLab) -> None:
    """Trixie comes up healthy, finds its own repository, and its tools are those of trixie."""
    ensure("debian-13")
    bare_lab.cloud(lambda client: _order(client, "trixie", Image(name="debian-13")), 600)
    try:
        machine = bare_lab.on("trixie")
        machine.wait_until_succeeds("test -e /run/first-boot-done", 180)
        assert "VERSION_CODENAME=trixie" in machine.succeed("cat /etc/os-release")
        assert machine.succeed("systemctl is-system-running --wait").strip() == "running"
        machine.succeed("cloud-init status --wait | grep -x 'status: done'")
        machine.succeed("apt-cache policy wireguard-go | grep -F 198.51.100.10/debian-13")
        machine.wait_until_succeeds("ping -c 1 -W 1 198.51.100.3 && ping -c 1 2001:db8:0:3::3")
        machine.succeed("nft --version && python3 --version && sshd -T >/dev/null")
    finally:
        bare_lab.cloud(lambda client: _delete(client, "trixie"))


def test_a_machine_made_from_a_snapshot_is_another_one(pair: TestLab) -> None:
    """It has the snapshot's files and packages, and its own name, keys and addresses."""
    pair.exec("fsn-a", "echo here >/root/mark; echo there >/var/lib/backplane/mark; sync")

    def take(client: Client) -> BoundImage:
        answer = client.servers.create_image(_server(client, "fsn-a"), type="snapshot")
        answer.action.wait_until_finished()
        assert answer.image is not None
        assert answer.image.id is not None
        return client.images.get_by_id(answer.image.id)

    image = pair.cloud(take)
    try:
        pair.cloud(lambda client: _order(client, "clone", image))
        clone = pair.on("clone")
        clone.wait_until_succeeds("test -e /run/first-boot-done", 120)
        assert clone.succeed("cat /root/mark /var/lib/backplane/mark") == "here\nthere\n"
        assert clone.succeed("hostname") == "clone\n"
        key = "cat /etc/ssh/ssh_host_ed25519_key.pub"
        assert clone.succeed(key) != pair.exec("fsn-a", key)
        own = "ip -o address show eth0 scope global | awk '{print $4}'"
        assert clone.succeed(own) != pair.exec("fsn-a", own)
    finally:
        pair.cloud(lambda client: _delete(client, "clone"))
        pair.cloud(lambda client: client.images.delete(image))
        pair.exec("fsn-a", "rm /root/mark /var/lib/backplane/mark")


@pytest.mark.parametrize("image", ["debian-12"])
def test_an_image_holds_nothing_of_where_it_was_built(image: str) -> None:
    """No mirror, resolver, log, host key or machine id is in the tree; its own mark is found."""
    root = ensure(image).root
    host = mirror.find().main.split("/")[2].encode()
    # cloud-init's package itself names Debian's public mirror; dpkg's books quote such files.
    packaged = {root / "etc/cloud/cloud.cfg", *(root / "var/lib/dpkg").rglob("*")}
    files = [
        path
        for part in ("etc", "var")
        for path in (root / part).rglob("*")
        if path.is_file() and not path.is_symlink() and path not in packaged
    ]
    assert [path for path in files if host in path.read_bytes()] == []
    assert [path for path in files if b"198.51.100.10" in path.read_bytes()] == [
        root / "etc/apt/sources.list"
    ], "the negative control"
    assert not list((root / "etc/ssh").glob("ssh_host_*"))
    assert (root / "etc/resolv.conf").readlink() == Path("../run/systemd/resolve/stub-resolv.conf")
    assert not list((root / "etc").glob(".resolv.conf*"))
    assert (root / "etc/machine-id").read_bytes() == b""
    assert [path for path in files if root / "var/log" in path.parents] == []
    for absent in ("wg", "wg-quick", "wireguard-go"):
        assert not (root / "usr/bin" / absent).exists()
    assert (root / "usr/sbin/nft").exists()


def test_images_are_those_that_were_tested() -> None:
    """Each known image has a key of its own, and an unknown one is refused by name."""
    assert len({Recipe(image).key for image in SUITES}) == len(SUITES)
    with pytest.raises(LabError, match=r"'debian-11'.*debian-12, debian-13"):
        Recipe("debian-11")
