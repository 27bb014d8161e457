"""User-data of a first boot: dark first, then wg0 with one peer, then sshd on wg0.

Its secrets are the one-time wg0 key, PSK and SSH host key, nothing else: any process of the machine
can read user-data over the metadata service for as long as the machine lives.
"""

import textwrap

from backplane import planes
from backplane.clouds import CLOUDS
from backplane.keys import Bootstrap, Card
from backplane.mistakes import DeclarationError, Mistake
from backplane.plan import Plan, PlanNode
from backplane.render import nftables, sshd, sysctl, units
from backplane.render.tunnels import interface_addresses
from backplane.render.wireguard import WireguardPeer, config

LIMIT = 16_384
"""Bytes, exclusive: AWS's limit, the smallest of the clouds (Hetzner takes 32 KiB)."""

GENERATION = f"{units.STATE}/generations/0"
"""What user-data writes as: never a way back, deleted when enrollment ends."""

_SLOTS = (planes.ENROLLMENT.slot,)

_HEAD = """\
#cloud-config
# A first boot: nothing comes in, then wg0 with the runner as its only peer, then sshd on wg0.
package_update: false
package_upgrade: false
locale: false
manage_etc_hosts: false
users: []
disable_root: false
ssh_pwauth: false
ssh_deletekeys: true
ssh_genkeytypes: []
"""

# Runs at every boot and does its work only until a generation is there. Without nft sshd is kept
# down instead; first boot installs nft and lets sshd up again. 0700: cloud-init creates files
# before it sets their mode.
_BOOTCMD = f"""\
[ -e {units.STATE}/confirmed ] && exit 0
install -d -m 0700 {units.STATE}
nft -f - <<'EOF' || systemctl mask --runtime --now ssh.service ssh.socket
@EARLY@EOF
exit 0
"""

_FIRST_BOOT = f"""\
#!/bin/sh
# Makes this machine reachable over wg0, and over nothing else. Safe to run again at any point.
set -eu
export DEBIAN_FRONTEND=noninteractive
say() {{ echo "backplane first boot: $*"; }}

wanted=''
command -v nft >/dev/null || wanted="$wanted nftables"
command -v sysctl >/dev/null || wanted="$wanted procps"
command -v sshd >/dev/null || wanted="$wanted openssh-server"
command -v wg-quick >/dev/null || wanted="$wanted wireguard-tools"
# Any of these keeps the clock; without one Debian's own is installed.
command -v chronyd >/dev/null || command -v ntpd >/dev/null ||
  [ -e /lib/systemd/systemd-timesyncd ] || wanted="$wanted systemd-timesyncd"
if ip link add bp-probe type wireguard 2>/dev/null; then
  ip link del bp-probe
else
  command -v wireguard-go >/dev/null || wanted="$wanted wireguard-go"
fi
wait=2
# shellcheck disable=SC2086 # a list of package names
until [ -z "$wanted" ] || {{ apt-get -q update &&
  apt-get -qy -o DPkg::Lock::Timeout=60 install --no-install-recommends $wanted; }}; do
  say "cannot install$wanted yet; next try in $wait s"
  sleep "$wait"
  wait=$((wait < 30 ? wait * 2 : 60))
done
say "packages are there:${{wanted:- nothing was missing}}"

cd {units.STATE}
chmod 0755 . generations generations/* generations/*/wireguard
[ -e confirmed ] || ln -s generations/0 confirmed
mkdir -p /etc/wireguard /etc/ssh/sshd_config.d /etc/sysctl.d
@LINKS@
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
sync
systemd-tmpfiles --create {units.TMPFILES}
systemctl daemon-reload
systemctl enable backplane-nft.service {units.MEMBERS}
systemctl restart backplane-nft.service
say 'the firewall is up'
systemctl enable --now wg-quick@wg0.service
say 'wg0 is up'
if /usr/sbin/sshd -t -o PerSourcePenalties=no 2>/dev/null; then
  echo 'PerSourcePenalties no' >/etc/ssh/sshd_config.d/10-backplane-penalties.conf
fi
systemctl enable --now --no-block systemd-timesyncd.service 2>/dev/null || :
systemctl --no-block try-restart systemd-resolved.service 2>/dev/null || :
systemctl disable --now ssh.socket 2>/dev/null || :
systemctl unmask --runtime ssh.service ssh.socket || :
systemctl enable ssh.service
systemctl reset-failed ssh.service 2>/dev/null || :
systemctl restart ssh.service
say 'sshd is up on wg0'
sync
systemctl disable {units.FIRST_BOOT}
say 'done'
"""


def user_data(
    plan: Plan, name: str, bootstrap: Bootstrap, runner_card: Card, push_key_public: str
) -> str:
    """The user-data of a node. Secret.

    Args:
        plan: the mesh.
        name: the node.
        bootstrap: its one-time keys.
        runner_card: the card of the plan's first runner, its only peer.
        push_key_public: the SSH key that pushes come with, ``ssh-ed25519 AAAA…``.

    Raises:
        DeclarationError: it would be over the clouds' limit.
    """
    node = plan.node(name)
    text = "".join(
        [
            _HEAD,
            "bootcmd:\n",
            _item(_BOOTCMD.replace("@EARLY@", _early(node))),
            "write_files:\n",
            *_files(plan, name, bootstrap, runner_card, push_key_public),
            "runcmd:\n",
            "  - systemctl daemon-reload\n",
            f"  - systemctl enable --now --no-block {units.FIRST_BOOT}\n",
        ]
    )
    mistake = oversize(node, text)
    if mistake is not None:
        raise DeclarationError([mistake])
    return text


def _early(node: PlanNode) -> str:
    return nftables.early(ipv6=node.ipv6, advertised=CLOUDS[node.cloud].advertised)


def oversize(node: PlanNode, text: str) -> Mistake | None:
    """What is wrong with a node's user-data if it is too long."""
    size = len(text.encode())
    if size < LIMIT:
        return None
    return Mistake(
        path=f"sites.{node.site}.nodes.{node.name}",
        what=f"its user-data would have {size} bytes",
        rule=f"user-data stays below {LIMIT} bytes, the clouds' limit",
        fix="declare fewer `bridges`, or shorter names",
    )


def generation(
    plan: Plan, name: str, bootstrap: Bootstrap, runner_card: Card, push_key_public: str
) -> dict[str, tuple[str, str]]:
    """Generation 0: mode and text of its files, by path below its directory. Secret.

    Args: as `user_data` has them.
    """
    node, slot = plan.node(name), planes.ENROLLMENT.slot
    plane, runner = plan.plane(slot), plan.runner
    peer = next(peer for peer in plan.members[slot] if peer.name == runner.name)
    at = runner.addresses[slot]
    wg0 = config(
        title=f"{node.name}, first boot",
        addresses=interface_addresses(node.addresses[slot]),
        mtu=min(plane.mtu, node.mtu),
        port=plane.port,
        private=bootstrap.wireguard.base64(),
        peers=[
            WireguardPeer(
                name=runner.name,
                public=runner_card.wireguard[slot],
                psk=bootstrap.psk.base64(),
                allowed=(f"{at.v4}/32", f"{at.v6}/128"),
                endpoint=None,
                keepalive=None,
            )
        ],
    )
    nft = nftables.ruleset(plan, node, slots=_SLOTS, peers={slot: (peer,)})
    people = [(runner, push_key_public)]
    return {
        "nftables.nft": ("0600", nft),
        "wireguard/wg0.conf": ("0600", wg0),
        "sshd.conf": ("0644", sshd.config(node, slots=_SLOTS)),
        "ssh_host_ed25519_key": ("0600", bootstrap.host.private.text()),
        "authorized_keys": ("0600", sshd.authorized_keys(people, slots=_SLOTS)),
        "sysctl.conf": ("0644", sysctl.config(node)),
    }


def _files(
    plan: Plan, name: str, bootstrap: Bootstrap, runner_card: Card, push_key_public: str
) -> list[str]:
    first = generation(plan, name, bootstrap, runner_card, push_key_public)
    links = "\n".join(f"ln -sfn {target} {link}" for link, target in units.LINKS)
    script = _FIRST_BOOT.replace("@LINKS@", links)
    return [
        *(_file(f"{GENERATION}/{path}", mode, text) for path, (mode, text) in first.items()),
        *(_file(path, "0644", text) for path, text in units.FILES.items()),
        _file(f"{units.LIBRARY}/first-boot", "0755", script),
    ]


def _file(path: str, mode: str, text: str) -> str:
    head = f"  - path: {path}\n    permissions: '{mode}'\n    content: |\n"
    return head + textwrap.indent(text, "      ")


def _item(text: str) -> str:
    return "  - |\n" + textwrap.indent(text, "    ")
