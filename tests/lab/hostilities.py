"""What root on one node tries against the others, as one table: what it must not, and may, reach.

A script's exit code 0 says that it reached what it tried, 1 that it did not, anything else that
the attempt itself failed and proves nothing. All run at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from backplane.report.markdown import table

HOSTILE = "fsn-b"
"""A node like any other: with a database, a pool, and a replication to another."""

WATCHER = "hel-b"
"""Who has Prometheus and Alertmanager; hel-a keeps its copies, and serves names as fsn-a does."""

SLOTS = ("enrollment", "management", "monitoring", "storage")

PRELUDE = """
reached() { "$@" && exit 0; exit 1; }
tcp() { timeout 3 bash -c 'exec 3<>/dev/tcp/$0/$1' "$1" "$2"; }
http() { curl -s -o /dev/null -m 5 -w '%{http_code}' "$@" || true; }
asked() { kdig +short +timeout=1 +retry=0 "@$1" "$OTHER_NAME" A | grep -q .; }
update() {
  said=$(printf "server $HELA_MANAGEMENT 5300\\nzone $1.\\n$2\\nsend\\n" |
    knsupdate -k /run/backplane/active/secrets/names/tsig -t 1 -r 0 2>&1) && exit 0
  case "$said" in *NOTAUTH*|*BADKEY*|*REFUSED*) exit 1 ;; esac
  echo "$said"
  exit 3
}
keys() { grep -rlsE 'BEGIN (OPENSSH |RSA |EC )?PRIVATE KEY' /etc /root /home /run /var/lib; }
session() {
  found=$(keys)
  [ -n "$found" ] || exit 3
  for key in $found; do
    said=$(timeout 8 ssh -i "$key" -o BatchMode=yes -o IdentitiesOnly=yes \\
      -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "root@$1" id </dev/null 2>&1)
    code=$?
    [ $code = 0 ] && exit 0
    # 126: the key is let in for its own command alone, and this one is not it.
    case "$code:$said" in 126:*|*"Permission denied"*) continue ;; esac
    echo "$said"
    exit 3
  done
  exit 1
}
"""
"""What the scripts share. Addresses are in variables, such as `HELB_MANAGEMENT6`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt, and what the threat model says of it.

    Attributes:
        what: in words, without two alike.
        way: the plane, or whatever else it goes by.
        reached: whether the model lets it.
        script: for a shell; empty for packets that `tests.lab.forging` puts on the wire.
    """

    what: str
    way: str
    reached: bool = False
    script: str = ""


def _port(what: str, node: str, way: str, port: int, *, reached: bool = False) -> Attempt:
    script = f"reached tcp ${node}_{way.upper()} {port}"
    return Attempt(what=what, way=way, reached=reached, script=script)


def _web(what: str, words: str, code: str = "200", *, reached: bool = False) -> Attempt:
    script = f'said=$(http {words}); [ "$said" = 000 ] && exit 3; reached [ "$said" = {code} ]'
    return Attempt(what=what, way="monitoring", reached=reached, script=script)


def _name(what: str, name: str, line: str, *, reached: bool = False) -> Attempt:
    return Attempt(what=what, way="management", reached=reached, script=f'update {name} "{line}"')


_SILENCE = (
    '-XPOST -H "Content-Type: application/json" -d "{\\"matchers\\":[{\\"name\\":\\"alertname\\",'
    '\\"value\\":\\"Nothing\\",\\"isRegex\\":false}],\\"startsAt\\":\\"2030-01-01T00:00:00Z\\",'
    '\\"endsAt\\":\\"2030-01-01T00:00:01Z\\",\\"createdBy\\":\\"x\\",\\"comment\\":\\"x\\"}" '
    "http://$HELB_MONITORING:9093/api/v2/silences"
)
_PROMETHEUS = "http://$HELB_MONITORING:9090"

SCRIPTS = (
    # SSH
    _port("the SSH port of another node", "HELB", "management", 22, reached=True),
    *(
        Attempt(
            what=f"a session as root there, over {plane}, with every private key found on disk",
            way=plane,
            script=f"session $HELB_{plane.upper()}",
        )
        for plane in ("enrollment", "management")
    ),
    Attempt(
        what="a command as root where its copies are kept, with every private key found on disk",
        way="storage",
        script="session $HELA_STORAGE",
    ),
    Attempt(
        what="what the replication's key is for",
        way="storage",
        reached=True,
        script="reached timeout 8 ssh -i /run/backplane/active/secrets/zfs/data.key -o "
        "UserKnownHostsFile=/run/backplane/active/secrets/zfs/data.hosts -o BatchMode=yes "
        "-o IdentitiesOnly=yes -o BindAddress=$FSNB_STORAGE root@$HELA_STORAGE echo -n </dev/null",
    ),
    _port("the SSH port of a node that keeps no copies of its", "HELB", "storage", 22),
    _port("the SSH port of another node, on the plane of metrics", "HELB", "monitoring", 22),
    # Metrics
    _port("another node's metrics", "HELA", "monitoring", 9100, reached=True),
    *(
        _port(f"another node's metrics, over {plane}", "HELA", plane, 9100)
        for plane in ("enrollment", "management", "storage")
    ),
    _web(
        "Prometheus, to read",
        f'"{_PROMETHEUS}/api/v1/query?query=up"',
        reached=True,
    ),
    _web("Alertmanager, to silence an alert", _SILENCE, reached=True),
    _web(
        "Prometheus, to delete what it keeps",
        f'-XPOST "{_PROMETHEUS}/api/v1/admin/tsdb/delete_series?match[]=up"',
        "204",
    ),
    _web("Prometheus, to write into it", f"-XPOST {_PROMETHEUS}/api/v1/write", "204"),
    _web("Prometheus, to stop it", f"-XPOST {_PROMETHEUS}/-/quit"),
    _port("Prometheus over management", "HELB", "management", 9090),
    # Names
    Attempt(
        what="a DNS node, to ask",
        way="management",
        reached=True,
        script="reached asked $HELA_MANAGEMENT",
    ),
    *(
        Attempt(
            what=f"a DNS node over {plane}, to ask",
            way=plane,
            script=f"reached asked $HELA_{plane.upper()}",
        )
        for plane in ("enrollment", "monitoring", "storage")
    ),
    _name(
        "its own name, to write it",
        "fsn-b.mgmt",
        "del fsn-b.mgmt. A\\nadd fsn-b.mgmt. 300 A $FSNB_MANAGEMENT",
        reached=True,
    ),
    _name(
        "another node's name, to write it", "hel-b.mgmt", "add hel-b.mgmt. 300 A $FSNB_MANAGEMENT"
    ),
    _name("another node's name, to take it away", "hel-b.mgmt", "del hel-b.mgmt. A"),
    _name(
        "a guest's name, to write it", "printer.mgmt", "add printer.mgmt. 300 A $FSNB_MANAGEMENT"
    ),
    _name("a new name", "mgmt", "add new.mgmt. 300 A $FSNB_MANAGEMENT"),
    _name("a name below its own", "fsn-b.mgmt", "add www.fsn-b.mgmt. 300 A $FSNB_MANAGEMENT"),
    _name("a text at its own name", "fsn-b.mgmt", "add fsn-b.mgmt. 300 TXT hello"),
    Attempt(
        what="all names of a zone at once",
        way="management",
        script="reached sh -c 'kdig +timeout=2 +retry=0 -p 5300 @$HELA_MANAGEMENT hel-b.mgmt AXFR "
        '| grep -v "^;" | grep -q mgmt\'',
    ),
    # Public addresses
    *(
        Attempt(
            what=f"a public address, by {what}",
            way="public",
            script=f"reached {words}",
        )
        for what, words in (
            ("echo", "ping -c 2 -W 1 $HELB_PUBLIC"),
            ("echo over IPv6", "ping -6 -c 2 -W 1 $HELB_PUBLIC6"),
            ("SSH", "tcp $HELB_PUBLIC 22"),
            ("SSH over IPv6", "tcp $HELB_PUBLIC6 22"),
            ("DNS", "asked $HELA_PUBLIC"),
            ("Prometheus' port", "tcp $HELB_PUBLIC 9090"),
        )
    ),
    # WireGuard
    Attempt(
        what="a handshake on each plane with that plane's key",
        way="public",
        reached=True,
        script="for wg in wg0 wg1 wg2 wg3; do wg show $wg latest-handshakes | "
        "awk -v now=$(date +%s) 'now - $2 < 200 { n++ } END { exit n < 3 }' || exit 1; done",
    ),
)

FORGED = (
    *(
        Attempt(what=f"a packet from its own address, on {plane}", way=plane, reached=True)
        for plane in SLOTS
    ),
    *(
        Attempt(what=f"a packet in another's name, on {plane}: {who}", way=plane)
        for plane in SLOTS
        for who in ("a node", "the runner", "a person")
    ),
    *(
        Attempt(what=f"a packet from its address of another plane, on {plane}", way=plane)
        for plane in SLOTS
    ),
    *(
        Attempt(what=f"a packet to an address of another plane, on {plane}", way=plane)
        for plane in SLOTS
    ),
)
"""Over IPv4 and IPv6 each, to `WATCHER`."""

ATTEMPTS = (*SCRIPTS, *FORGED)


def page() -> str:
    """The page's table, in Markdown."""
    said = {True: "yes, as it may", False: "no"}
    rows = [(one.what, one.way, said[one.reached]) for one in ATTEMPTS]
    return table(("what it tried", "by way of", "it reached it"), rows)
