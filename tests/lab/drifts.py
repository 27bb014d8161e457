"""Things that people do to a machine by hand, each with the name under which it must be found."""

from __future__ import annotations

from dataclasses import dataclass

_PEER = "$(python3 -c \"import json;print(next(p['public'] for p in json.load(open('/var/lib/backplane/confirmed/manifest.json'))['mesh']['{wg}'] if p['name']=='{name}'))\")"  # noqa: E501 - one shell word


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One deviation.

    Attributes:
        node: where.
        does: shell command that makes it.
        area: what a finding of it says.
        what: part of what the finding is about.
        live: part of what it says is live.
    """

    node: str
    does: str
    area: str
    what: str
    live: str = ""


def _peer(wg: str, name: str) -> str:
    return f"wg set {wg} peer {_PEER.format(wg=wg, name=name)}"


def _drift(node: str, area: str, what: str, does: str, live: str = "") -> Drift:
    return Drift(node=node, does=does, area=area, what=what, live=live)


_GENERATION = "/var/lib/backplane/confirmed"
_RESOLVED = "/etc/systemd/resolved.conf.d/backplane.conf"
_DROPIN = "/etc/systemd/system/wg-quick@.service.d/backplane.conf"

LOCAL: tuple[Drift, ...] = (
    # WireGuard
    _drift(
        "fsn-a",
        "wireguard",
        "wg2: peer hel-a, PSK",
        f"wg genpsk >/run/psk; {_peer('wg2', 'hel-a')} preshared-key /run/psk; rm /run/psk",
        "another PSK",
    ),
    _drift(
        "fsn-a",
        "wireguard",
        "wg2: peer fsn-b, PSK",
        f"{_peer('wg2', 'fsn-b')} preshared-key /dev/null",
        "no PSK",
    ),
    _drift(
        "fsn-a",
        "wireguard",
        "wg2: peer ",
        "wg set wg2 peer $(wg genkey | wg pubkey) allowed-ips 10.202.77.7/32",
        "a stranger with 10.202.77.7/32",
    ),
    _drift(
        "fsn-a",
        "wireguard",
        "wg3: peer fsn-b, allowed IPs",
        f"{_peer('wg3', 'fsn-b')} allowed-ips 10.203.1.2/32,10.203.66.0/24",
        "10.203.66.0/24",
    ),
    _drift(
        "fsn-a",
        "wireguard",
        "wg1: peer fsn-b, keepalive",
        f"{_peer('wg1', 'fsn-b')} persistent-keepalive off",
        "off",
    ),
    # The other end has forgotten it by then (below), so nothing brings its endpoint back.
    _drift(
        "fsn-a",
        "wireguard",
        "wg3: peer hel-b, endpoint",
        f"{_peer('wg3', 'hel-b')} endpoint 198.51.100.250:51823",
        "198.51.100.250:51823",
    ),
    _drift("hel-b", "wireguard", "wg3: peer fsn-a", f"{_peer('wg3', 'fsn-a')} remove", "not there"),
    _drift("hel-b", "wireguard", "wg2: listen port", "wg set wg2 listen-port 51999", "51999"),
    _drift("hel-b", "wireguard", "wg2: MTU", "ip link set wg2 mtu 1300", "1300"),
    _drift(
        "hel-b",
        "wireguard",
        "wg1: address 10.201.77.1/16",
        "ip address add 10.201.77.1/16 dev wg1",
        "10.201.77.1/16",
    ),
    _drift(
        "hel-b",
        "wireguard",
        "wg0: own key",
        "wg genkey >/run/key; wg set wg0 private-key /run/key; rm /run/key",
        "another key",
    ),
    _drift("fsn-b", "wireguard", "wg3: interface", "ip link set wg3 down", "down"),
    _drift("hel-a", "wireguard", "wg2: interface", "ip link del wg2", "not there"),
    # Firewall
    _drift(
        "fsn-b",
        "firewall",
        "table inet backplane, chain input",
        "nft insert rule inet backplane input tcp dport 22 accept",
        "tcp dport 22 accept",
    ),
    _drift(
        "fsn-a",
        "firewall",
        "table inet backplane, set wg2_peers4",
        "nft add element inet backplane wg2_peers4 '{ 10.202.9.9 }'",
        "element 10.202.9.9",
    ),
    _drift(
        "hel-a",
        "firewall",
        "table inet backplane",
        "nft delete table inet backplane",
        "not there",
    ),
    # Routes and settings
    _drift(
        "fsn-a",
        "routes",
        "route 10.202.50.0/24",
        "ip route add blackhole 10.202.50.0/24",
        "blackhole 10.202.50.0/24",
    ),
    _drift("hel-b", "routes", "wg3: route 10.203.0.0/16", "ip route del 10.203.0.0/16 dev wg3"),
    _drift(
        "fsn-a",
        "sysctl",
        "net.ipv4.conf.all.accept_redirects",
        "echo 1 >/proc/sys/net/ipv4/conf/all/accept_redirects",
        "1",
    ),
    # Files
    _drift(
        "fsn-a",
        "generation",
        "wireguard/wg1.conf of generation",
        f"chmod 0644 {_GENERATION}/wireguard/wg1.conf",
        "another one",
    ),
    _drift(
        "fsn-a",
        "generation",
        "wireguard/wg9.conf beside generation",
        f"cp {_GENERATION}/wireguard/wg1.conf {_GENERATION}/wireguard/wg9.conf",
        "a stranger's file",
    ),
    _drift(
        "fsn-b",
        "files",
        "/etc/wireguard/wg1.conf",
        "sed -i 's/^MTU.*/MTU = 1300/' /etc/wireguard/wg1.conf",
        "a file of its own",
    ),
    _drift(
        "fsn-b", "files", "/etc/sysctl.d/60-backplane.conf", "rm /etc/sysctl.d/60-backplane.conf"
    ),
    _drift(
        "fsn-b",
        "files",
        "/etc/ssh/sshd_config.d/00-backplane.conf",
        "ln -sfn /dev/null /etc/ssh/sshd_config.d/00-backplane.conf",
        "a link to /dev/null",
    ),
    _drift("hel-b", "files", _DROPIN, f"sed -i 's/^RestartSec=5/RestartSec=99/' {_DROPIN}", "99"),
    _drift(
        "hel-b",
        "files",
        "/etc/tmpfiles.d/backplane.conf",
        "chmod 0666 /etc/tmpfiles.d/backplane.conf",
        "mode 0666",
    ),
    _drift(
        "hel-b",
        "files",
        "/etc/hosts",
        "sed -i 's/^10.201.1.1 /10.201.9.9 /' /etc/hosts",
        "10.201.9.9",
    ),
    _drift("hel-a", "files", "/etc/wireguard", "chmod 0777 /etc/wireguard", "mode 0777"),
    _drift(
        "fsn-b",
        "files",
        "/usr/local/sbin/backplane-node",
        "chmod 0600 /usr/local/sbin/backplane-node",
        "mode 0600",
    ),
    _drift(
        "hel-b",
        "files",
        "/usr/local/sbin/backplane-node",
        "echo '#' >>/usr/local/sbin/backplane-node",
    ),
    # Units
    _drift("hel-a", "units", "ssh.service", "systemctl disable ssh.service", "disabled"),
    _drift("hel-a", "units", "backplane-nft", "systemctl stop backplane-nft.service", "inactive"),
    _drift(
        "hel-a",
        "units",
        "wg-quick@wg3.service",
        "systemctl disable wg-quick@wg3.service",
        "disabled",
    ),
    _drift(
        "hel-a", "units", "wg-quick@wg0.service", "systemctl mask wg-quick@wg0.service", "masked"
    ),
    # Roles
    _drift(
        "fsn-b",
        "units",
        "backplane-node-exporter.service",
        "systemctl stop backplane-node-exporter.service",
        "inactive",
    ),
    _drift(
        "fsn-b",
        "units",
        "postgresql@.service",
        "rm /etc/systemd/system/postgresql.service /etc/systemd/system/postgresql@.service; "
        "systemctl daemon-reload",
        "may start",
    ),
    _drift(
        "hel-b",
        "files",
        "/etc/systemd/system-generators/backplane",
        "echo 'exit 0' >>/etc/systemd/system-generators/backplane",
    ),
    _drift("fsn-b", "files", _RESOLVED, f"rm {_RESOLVED}"),
    _drift("fsn-b", "traffic", "eth0: classes", "tc qdisc del dev eth0 root", "0 classes"),
    _drift(
        "fsn-a",
        "rollout",
        "backplane-rollback-00000000.timer",
        "systemd-run --quiet --unit=backplane-rollback-00000000 --on-active=3600 true",
        "waiting",
    ),
    _drift(
        "hel-b",
        "rollout",
        "lease",
        'echo \'{"id": "someone", "expires": 1}\' >/run/backplane/lease.json',
        "never given back",
    ),
    # Listeners: what sshd once read, and its files no longer say.
    _drift(
        "fsn-a",
        "listeners",
        "sshd on 0.0.0.0 port 2222",
        "f=/etc/ssh/sshd_config.d/50-x.conf; echo 'ListenAddress 0.0.0.0:2222' >$f; "
        "systemctl reload ssh; until ss -Hlnt | grep -q 2222; do sleep 0.1; done; rm $f",
        "listens",
    ),
)
"""What a rollout puts right, on four machines."""

BY_HAND: tuple[tuple[Drift, str], ...] = (
    (
        _drift(
            "fsn-b",
            "listeners",
            "tcp 0.0.0.0 port 8000",
            "systemd-run --quiet --unit=stranger python3 -m http.server 8000 --bind 0.0.0.0; "
            "until ss -Hlnt | grep -q :8000; do sleep 0.1; done",
            "listens on every address",
        ),
        "systemctl stop stranger.service",
    ),
    (
        _drift(
            "hel-a",
            "units",
            "broken.service",
            "systemd-run --quiet --wait --unit=broken false || true",
            "failed",
        ),
        "systemctl reset-failed broken.service",
    ),
    (
        _drift(
            "hel-b",
            "sshd",
            "passwordauthentication in the files that sshd reads",
            "echo 'PasswordAuthentication yes' >/etc/ssh/sshd_config.d/00-a.conf",
            "yes",
        ),
        "rm /etc/ssh/sshd_config.d/00-a.conf",
    ),
)
"""What only a person can judge, with what that person would do."""
