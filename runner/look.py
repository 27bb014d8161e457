"""What stands on a machine that is to be taken over, and whether it may be: read, never written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from backplane.clouds import CLOUDS
from runner.problem import RunnerError

SYSTEMS = {image: image.replace("-", " ").capitalize() for image in CLOUDS["existing"].images}
"""What can be taken over, by `ID` and `VERSION_ID` of os-release(5), as images are called."""

BRIDGES = ("docker", "br-", "cni", "virbr", "podman", "lxdbr", "lxcbr", "incusbr", "vmbr")
"""How bridges of containers and guests begin: what passes over them is forwarded."""

SCRIPT = r"""
set -eu
. /etc/os-release
json() { printf '%s' "$1" | tr -d '"\\' | tr '\n' ' '; }
wg=$(ip -o link show type wireguard 2>/dev/null | cut -d: -f2 | tr -d ' ') || wg=
conf=
for file in /etc/wireguard/*.conf; do
  case $(readlink "$file" || echo "$file") in
  /run/backplane/*) ;; # of a takeover that a reboot ended
  *) [ ! -e "$file" ] || conf="$conf $file" ;;
  esac
done
go=$(pgrep -l -f '^wireguard-go|^boringtun' 2>/dev/null) || go=
bridges=$(ls -d /sys/class/net/*/bridge 2>/dev/null | cut -d/ -f5) || bridges=
docker=$(command -v dockerd podman containerd 2>/dev/null) || docker=
walls=
if command -v ufw >/dev/null && ufw status 2>/dev/null | grep -q 'Status: active'; then
  walls="$walls ufw"
fi
if systemctl is-active --quiet firewalld 2>/dev/null; then walls="$walls firewalld"; fi
if command -v nft >/dev/null; then
  walls="$walls $(nft list chains 2>/dev/null | awk '$1 == "table" { at = $2 "/" $3 }
    /hook input/ && /policy drop/ && at != "inet/backplane" { print at }')"
fi
flush=
if systemctl is-enabled --quiet nftables 2>/dev/null &&
  grep -Eqs '^[^#]*flush +ruleset' /etc/nftables.conf; then
  flush=/etc/nftables.conf
fi
forward=$(cat /proc/sys/net/ipv4/ip_forward)
ipv6=$(ip -6 -o address show scope global -temporary 2>/dev/null |
  awk '$2 !~ /^wg/ && $4 !~ /^f[cd]/ { sub("/.*", "", $4); print $4 }') || ipv6=
taken=no began=no
[ ! -e /var/lib/backplane/before.json ] || began=yes
[ ! -e /var/lib/backplane/confirmed ] || taken=yes
python=$(command -v python3) || python=
systemd=no
[ ! -d /run/systemd/system ] || systemd=yes
printf '{"id":"%s","version":"%s","name":"%s","wireguard":"%s","conf":"%s","go":"%s",' \
  "$(json "$ID")" "$(json "${VERSION_ID:-}")" "$(json "${PRETTY_NAME:-}")" \
  "$(json "$wg")" "$(json "$conf")" "$(json "$go")"
printf '"bridges":"%s","docker":"%s","walls":"%s","taken":"%s","python":"%s","systemd":"%s",' \
  "$(json "$bridges")" "$(json "$docker")" "$(json "$walls")" "$taken" "$python" "$systemd"
printf '"began":"%s","flush":"%s","forward":"%s","ipv6":"%s"}\n' \
  "$began" "$flush" "$forward" "$(json "$ipv6")"
"""
"""Run as root on the machine; prints one line of JSON with the fields of `Facts`, all texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A machine as it was found; lists are texts with blanks between.

    Attributes:
        id: `ID` of os-release(5).
        version: `VERSION_ID`.
        name: `PRETTY_NAME`.
        wireguard: WireGuard interfaces of the kernel.
        conf: Files of wg-quick.
        go: WireGuard in user space.
        bridges: Bridges.
        docker: Programs that run containers.
        walls: Firewalls of its own that drop what they do not know.
        taken: `yes` if a stack has it already.
        python: Where Python 3 is; empty without.
        systemd: `yes` if systemd runs it.
        began: `yes` if a takeover has begun here before, and was not ended.
        flush: The file by which a unit that is enabled takes away all of nftables' tables.
        forward: `1` if it forwards packets.
        ipv6: Its IPv6 addresses that the world may know.
    """

    id: str
    version: str
    name: str
    wireguard: str
    conf: str
    go: str
    bridges: str
    docker: str
    walls: str
    taken: str
    python: str
    systemd: str
    began: str
    flush: str
    forward: str
    ipv6: str

    @classmethod
    def read(cls, line: str) -> Facts:
        """Read what the script printed.

        Raises:
            ValueError: It printed something else.
        """
        try:
            told: dict[str, Any] = json.loads(line.splitlines()[-1])
            return cls(**{name: str(value).strip() for name, value in told.items()})
        except (ValueError, IndexError, TypeError, AttributeError):
            raise ValueError("what it printed are no facts") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the declaration says of a machine.

    Attributes:
        system: What it runs, such as `debian-12`.
        ipv6: Its public IPv6 address, None without.
        bridges: The bridges whose packets go on being forwarded.
    """

    system: str
    ipv6: str | None
    bridges: Sequence[str]


def require(node: str, facts: Facts, declared: Declared) -> None:
    """Refuse a machine that cannot be taken over.

    Args:
        node: The node it is to be.
        facts: What was found there.
        declared: What is said of it.

    Raises:
        RunnerError: With every reason; nothing was changed.
    """
    said = [*_reasons(facts, declared), *_network(facts, declared)]
    if said:
        raise RunnerError(
            f"{node} cannot be taken over: " + "; ".join(what for what, _ in said) + ".",
            " ".join(f"{fix[0].upper()}{fix[1:]}." for _, fix in said),
        )


def _reasons(facts: Facts, declared: Declared) -> Iterator[tuple[str, str]]:
    if facts.taken == "yes":
        yield (
            "a stack has taken it over already",
            "run that stack, or give the machine back there with `backplane release`",
        )
    runs = f"{facts.id}-{facts.version}"
    if runs not in SYSTEMS:
        known = ", ".join(SYSTEMS.values())
        yield (f"it runs {facts.name or facts.id}, and {known} are what can be", "upgrade it first")
    elif runs != declared.system:
        what = f"it runs {SYSTEMS[runs]}, and {SYSTEMS[declared.system]} is declared"
        yield (what, f"write `image: {runs}` for this node")
    if facts.systemd != "yes":
        yield "systemd does not run it", "use a machine whose init is systemd"
    own = " ".join(sorted({*facts.wireguard.split(), *facts.conf.split()})) or facts.go
    if own and facts.taken != "yes":
        yield (
            f"it has a WireGuard of its own ({own})",
            "move that network away first, or leave this machine out",
        )
    if facts.flush:
        fix = (
            f"write `table inet filter` and `delete table inet filter` in {facts.flush} in the "
            "place of `flush ruleset`, or disable nftables.service"
        )
        yield f"its nftables.service flushes all tables, ours too ({facts.flush})", fix


def _network(facts: Facts, declared: Declared) -> Iterator[tuple[str, str]]:
    through = [one for one in facts.bridges.split() if one.startswith(BRIDGES)]
    left = sorted(set(through) - set(declared.bridges))
    if left:
        engine = facts.docker.split()[0].rpartition("/")[2] if facts.docker else "something"
        names = ", ".join(left)
        yield (
            f"{engine} forwards over {names}, which a dark firewall would cut",
            f"write `bridges: [{names}]` for this node",
        )
    elif facts.forward == "1" and not declared.bridges:
        yield (
            "it forwards packets, which a dark firewall ends",
            "set net.ipv4.ip_forward to 0 if nothing needs it, or declare the `bridges` that do",
        )
    has = facts.ipv6.split()
    if has and declared.ipv6 is None:
        yield (
            f"it has the IPv6 address {has[0]}, and none is declared",
            f'write `ipv6: "{has[0]}"` below `machine:`',
        )
    elif declared.ipv6 is not None and declared.ipv6 not in has:
        yield (
            f"it does not have the IPv6 address {declared.ipv6}, which is declared",
            "correct `ipv6:` below `machine:`, or leave it out",
        )
