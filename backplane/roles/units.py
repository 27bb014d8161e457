"""systemd units of roles, as text: ordered behind their plane, started again, and closed in."""

from collections.abc import Iterable, Mapping

from backplane import planes
from backplane.addressing import Address

_HUMBLE = (
    "NoNewPrivileges=yes",
    "RestrictSUIDSGID=yes",
    "RestrictRealtime=yes",
    "LockPersonality=yes",
)
"""What no daemon of a role needs (systemd.exec(5))."""

_CLOSED = (
    "ProtectSystem=strict",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectControlGroups=yes",
)
"""What a daemon does not need unless it tells of the file systems: these give it other ones."""


_ONCE = (
    "Type=oneshot",
    # A timer's service fills no journal: only what goes wrong is told, systemd's own lines too.
    "LogLevelMax=notice",
    # The node tool ignores what asks it to end, and whoever stops a unit waits for that end.
    "KillSignal=SIGKILL",
    "TimeoutStartSec=60",
)


def service(
    *,
    about: str,
    start: str,
    slots: Iterable[str],
    user: str | None = None,
    state: str | None = None,
    settings: Iterable[str] = (),
    once: bool = False,
    sees_files: bool = False,
    needs: str | None = None,
    part_of: str | None = None,
    behind: Iterable[str] = (),
    rereads: Iterable[str] = (),
) -> str:
    """A service that is started behind its planes and, unless it ends by itself, kept running.

    Where an address comes late the daemon binds to it all the same (`ip_nonlocal_bind`).

    Args:
        about: what it is, in words.
        start: its command line.
        slots: the planes it is bound to.
        user: as whom it runs, without any capability; root if nobody is named.
        state: its own directory below /var/lib.
        settings: further lines of its `[Service]`.
        once: it does one thing and ends.
        sees_files: it tells of the machine's file systems, and must see them as they are.
        needs: a unit that it is stopped and started with.
        behind: other units that it is started after, if they start too.
        rereads: files of its role that it reads anew by itself: it is not started anew for them.
        part_of: the plane with whose interface it comes and goes, in place of with the machine.
    """
    first = " ".join(["backplane-nft.service", *(_tunnel(slot) for slot in slots), *behind])
    lines = ["[Unit]", f"Description={about}", f"After={first}", "StartLimitIntervalSec=0"]
    lines += [f"Requires={needs}"] if needs else []
    lines += [f"PartOf={_tunnel(part_of)}"] if part_of else []
    # The node tool's: systemd passes over what begins so (systemd.unit(5)).
    lines += [f"X-BackplaneRereads={' '.join(anew)}"] if (anew := [*rereads]) else []
    lines += ["[Service]"]
    kept = ["Restart=always", "RestartSec=2"]
    lines += _ONCE if once else kept
    own = [f"User={user}", "CapabilityBoundingSet="] if user else []
    own += [f"StateDirectory={state}", "StateDirectoryMode=0700"] if state else []
    lines += [f"ExecStart={start}", *own, *settings, *_HUMBLE, *(() if sees_files else _CLOSED)]
    return "".join(f"{line}\n" for line in lines)


def _tunnel(slot: str) -> str:
    return f"wg-quick@{planes.by_slot(slot).interface}.service"


def timer(*, about: str, settings: Mapping[str, str]) -> str:
    """A timer that starts the service of its own name.

    Args:
        about: what it starts, in words.
        settings: its `[Timer]`: name and value.
    """
    lines = ["[Unit]", f"Description={about}", "[Timer]"]
    lines += [f"{name}={value}" for name, value in settings.items()]
    return "".join(f"{line}\n" for line in lines)


def relay(
    *, name: str, about: str, address: Address, port: int, slot: str, user: str
) -> dict[str, str]:
    """The IPv6 address of a daemon that listens on its IPv4 one alone (systemd-socket-proxyd(8)).

    Args:
        name: of its two units, without their kind.
        about: what it is, in words.
        address: the node's, on the plane.
        port: the daemon's; TCP.
        slot: the plane.
        user: as whom it runs.
    """
    # Behind no tunnel: sockets come before all that is started by default, so it would be a circle.
    listener = [
        "[Unit]",
        f"Description={about}",
        "After=backplane-nft.service",
        "[Socket]",
        f"ListenStream=[{address.v6}]:{port}",
        "FreeBind=yes",
    ]
    forwards = service(
        about=about,
        start=f"/lib/systemd/systemd-socket-proxyd {address.v4}:{port}",
        slots=[slot],
        user=user,
        # A socket does not start anew while its service runs: so the service goes with it.
        needs=f"{name}.socket",
    )
    return {
        f"{name}.socket": "".join(f"{line}\n" for line in listener),
        f"{name}.service": forwards,
    }
