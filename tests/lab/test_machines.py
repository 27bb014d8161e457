"""Machines boot as the cloud's do: real Debian, user-data first, power that really fails."""

from __future__ import annotations

from functools import partial

import pytest
from hcloud import Client
from hcloud.images import Image
from hcloud.servers.client import BoundServer

from lab.process import wait_until
from tests.lab.verbs import TestLab

pytestmark = pytest.mark.lab


def test_user_data_acts_before_the_network_is_up(pair: TestLab) -> None:
    """Bootcmd ran while the card had no address; afterwards it has both of the API's."""
    machine = pair.on("fsn-a")
    assert "198.51.100." not in machine.succeed("cat /run/early-addresses")
    now = machine.succeed("ip -brief address show eth0")
    assert "198.51.100." in now
    assert "2001:db8:1:" in now


def test_first_boot_installs_from_the_labs_repository(pair: TestLab) -> None:
    """The image has no wireguard-tools; first boot got it from 198.51.100.10, the only source."""
    machine = pair.on("fsn-a")
    assert not machine.succeed("cat /run/early-wg")
    machine.succeed("wg --version && command -v wireguard-go")
    assert "http://198.51.100.10/debian-12" in machine.succeed("apt-cache policy wireguard-tools")
    sources = machine.succeed(
        "grep -rhE '^(deb|URIs)' /etc/apt/sources.list /etc/apt/sources.list.d || :"
    )
    assert sources == "deb [trusted=yes] http://198.51.100.10/debian-12 ./\n"
    machine.fail("apt-get install --yes no-such-package-anywhere")


def test_routing_daemons_can_be_had(pair: TestLab) -> None:
    """FRR with bgpd, bfdd and frr-reload.py installs from the lab's repository, and runs."""
    machine = pair.on("fsn-a")
    apt = "DEBIAN_FRONTEND=noninteractive apt-get -qq --yes --no-install-recommends"
    try:
        machine.succeed(f"{apt} install frr frr-pythontools", 180)
        machine.succeed("test -x /usr/lib/frr/bgpd && test -x /usr/lib/frr/bfdd")
        machine.succeed("/usr/lib/frr/frr-reload.py --help")
        machine.succeed("sed -i 's/^\\(bgpd\\|bfdd\\)=no/\\1=yes/' /etc/frr/daemons")
        machine.succeed("systemctl restart frr.service")
        machine.wait_until_succeeds("vtysh -c 'show bgp summary' -c 'show bfd peers'")
    finally:
        machine.succeed(f"{apt} purge frr frr-pythontools && {apt} autoremove", 120)


def test_machines_differ_where_machines_must(pair: TestLab) -> None:
    """Machine ids, SSH host keys, boot ids, addresses and names are each machine's own."""
    for command in (
        "cat /etc/machine-id",
        "cat /etc/ssh/ssh_host_ed25519_key.pub",
        "cat /proc/sys/kernel/random/boot_id",
        "ip -brief address show eth0",
        "hostname",
    ):
        one, other = pair.exec("fsn-a", command), pair.exec("hel-a", command)
        assert one.strip()
        assert one != other
    assert pair.exec("fsn-a", "hostname") == "fsn-a\n"


def test_boot_ends_without_a_failed_unit(pair: TestLab) -> None:
    """Systemd says `running`; a unit that cannot start turns that into `degraded`."""
    machine = pair.on("hel-a")
    assert machine.succeed("systemctl is-system-running --wait").strip() == "running"
    machine.run("systemd-run --unit=broken --property=Type=oneshot false", 20)
    assert "degraded" in machine.fail("systemctl is-system-running")
    machine.succeed("systemctl reset-failed broken.service")


def test_wireguard_runs_between_two_machines(pair: TestLab) -> None:
    """wg-quick brings a tunnel up through both firewalls; without its peer it carries nothing."""
    names = ("fsn-a", "hel-a")
    keys = {
        name: pair.exec(name, "umask 077; wg genkey >/root/key; wg pubkey </root/key").strip()
        for name in names
    }
    outer = {
        name: pair.exec(name, "ip -4 -o address show eth0").split()[3].split("/")[0]
        for name in names
    }
    for number, (name, other) in enumerate((names, names[::-1]), start=1):
        pair.exec(
            name,
            "systemctl stop echo-udp; umask 077; mkdir -p /etc/wireguard; "
            "printf '[Interface]\\nAddress = 10.201.9.%s/24\\nListenPort = 51821\\n"
            "PrivateKey = %s\\n[Peer]\\nPublicKey = %s\\nEndpoint = %s:51821\\n"
            "AllowedIPs = 10.201.9.0/24\\n' "
            f'{number} "$(cat /root/key)" {keys[other]} {outer[other]} >/etc/wireguard/t1.conf; '
            "wg-quick up t1",
        )
    machine = pair.on("fsn-a")
    machine.wait_until_succeeds("ping -c 1 -W 1 10.201.9.2")
    assert "latest handshake" in machine.succeed("wg show t1")
    machine.succeed(f"wg set t1 peer {keys['hel-a']} remove")
    machine.fail("ping -c 1 -W 1 10.201.9.2")
    for name in names:
        pair.exec(name, "wg-quick down t1; rm /etc/wireguard/t1.conf; systemctl start echo-udp")


def test_a_power_cut_keeps_what_was_synced_and_loses_the_rest(pair: TestLab) -> None:
    """After a cut, fsynced content is there; unsynced content and an unsynced rename are not."""
    machine = pair.on("hel-a")
    machine.succeed(
        "cd /var/lib/backplane; echo old >renamed; echo synced >kept; sync -f .; "
        "echo new >kept; echo new >renamed.new; sync kept renamed.new; "
        "mv renamed.new renamed; echo gone >lost"
    )
    before = machine.succeed("cat /proc/sys/kernel/random/boot_id")
    pair.power_cut("hel-a")
    server = pair.machine("hel-a")
    assert not server.running
    server.start()
    machine.wait_for_unit("ssh.service")
    assert machine.succeed("cat /var/lib/backplane/kept") == "new\n"
    assert machine.succeed("cat /var/lib/backplane/renamed") == "old\n"
    machine.fail("test -e /var/lib/backplane/lost")
    assert machine.succeed("cat /proc/sys/kernel/random/boot_id") != before


def test_a_restart_from_inside_boots_again_and_a_poweroff_stays_off(pair: TestLab) -> None:
    """`systemctl reboot` comes back with a new kernel network; `systemctl poweroff` does not."""
    machine, server = pair.on("hel-a"), pair.machine("hel-a")
    machine.succeed("nft add table inet left_over")
    before = server.leader
    machine.run("systemctl reboot", 20)
    wait_until("the restart", lambda: server.leader not in {before, None}, seconds=30)
    machine.wait_for_unit("ssh.service")
    machine.fail("nft list table inet left_over")
    machine.wait_until_succeeds("ping -c 1 -W 1 198.51.100.3")
    machine.run("systemctl poweroff", 20)
    wait_until("the power-off", lambda: not server.running, seconds=30)
    assert pair.cloud(lambda client: _named(client, "hel-a").status) == "off"
    pair.cloud(
        lambda client: client.servers.power_on(_named(client, "hel-a")).wait_until_finished()
    )
    machine.wait_for_unit("ssh.service")


def test_soft_and_hard_buttons_of_the_api(pair: TestLab) -> None:
    """Reboot and shutdown run the machine's own shutdown; power-off does not let it."""
    machine = pair.on("hel-a")
    machine.wait_until_succeeds("systemctl is-system-running --wait")
    machine.succeed(
        "printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\n"
        'ExecStop=/bin/sh -c "echo stopped >>/root/stops"\\n[Install]\\n'
        "WantedBy=multi-user.target\\n' >/etc/systemd/system/witness.service; "
        "systemctl enable --now witness"
    )
    for verb, stops in (("reboot", 1), ("reset", 1), ("shutdown", 2), ("power_off", 2)):
        pair.cloud(partial(_do, verb=verb))
        if not pair.machine("hel-a").running:
            pair.machine("hel-a").start()
        machine.wait_for_unit("witness.service")
        assert machine.succeed("wc -l </root/stops").strip() == str(stops), verb


def test_machines_outlive_the_cloud_api(pair: TestLab) -> None:
    """The API killed and started again finds its servers still running, and manages them."""
    before = pair.exec("fsn-a", "cat /proc/sys/kernel/random/boot_id")
    pair.restart_api()
    servers = pair.cloud(lambda client: {s.name: s.status for s in client.servers.get_all()})
    assert servers["fsn-a"] == "running"
    assert pair.exec("fsn-a", "cat /proc/sys/kernel/random/boot_id") == before
    pair.cloud(
        lambda client: client.servers.power_off(_named(client, "fsn-a")).wait_until_finished()
    )
    assert not pair.machine("fsn-a").running
    pair.cloud(
        lambda client: client.servers.power_on(_named(client, "fsn-a")).wait_until_finished()
    )
    pair.on("fsn-a").wait_for_unit("echo-udp.service")


def test_a_rebuild_makes_a_fresh_disk_at_the_same_addresses(pair: TestLab) -> None:
    """Rebuilt, the machine has other keys and none of the old files, and the old addresses."""
    machine = pair.on("hel-a")
    machine.succeed("touch /root/mine /var/lib/backplane/mine")
    key = machine.succeed("cat /etc/ssh/ssh_host_ed25519_key.pub /etc/machine-id")
    addresses = machine.succeed("ip -o address show eth0 scope global | awk '{print $4}'")
    pair.cloud(
        lambda client: client.servers.rebuild(
            _named(client, "hel-a"), Image(name="debian-12")
        ).action.wait_until_finished()
    )
    machine.wait_until_succeeds("test -e /run/first-boot-done", 120)
    machine.fail("test -e /root/mine || test -e /var/lib/backplane/mine")
    assert machine.succeed("cat /etc/ssh/ssh_host_ed25519_key.pub /etc/machine-id") != key
    assert machine.succeed("ip -o address show eth0 scope global | awk '{print $4}'") == addresses


def _do(client: Client, verb: str) -> None:
    """Do something to hel-a by the API's verb for it, and wait until it is done."""
    getattr(client.servers, verb)(_named(client, "hel-a")).wait_until_finished()


def _named(client: Client, name: str) -> BoundServer:
    server = client.servers.get_by_name(name)
    assert server is not None
    return server
