"""Where everything is on a machine, as data."""

from dataclasses import dataclass
from pathlib import Path

# Fixed links of the boot path: daemons' file -> file inside the active generation. User-data
# writes them at birth and they never change.
ACTIVE = "/run/backplane/active"
LINKS: tuple[tuple[str, str], ...] = (
    *((f"/etc/wireguard/wg{n}.conf", f"{ACTIVE}/wireguard/wg{n}.conf") for n in range(4)),
    ("/etc/ssh/sshd_config.d/00-backplane.conf", f"{ACTIVE}/sshd.conf"),
    ("/etc/sysctl.d/60-backplane.conf", f"{ACTIVE}/sysctl.conf"),
)
TOOL = "/usr/local/sbin/backplane-node"
SSH_UNIT = "ssh.service"
SSH_SOCKET = "ssh.socket"
MEMBERS_UNIT = "backplane-members.service"
FIREWALL_UNIT = "backplane-nft.service"
# The generation that user-data wrote: one-time keys, deleted by enrollment, never a way back.
BIRTH = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Every path the tool reads or writes.

    Attributes:
        root: ``/`` on a machine; a directory of its own in tests.
    """

    root: Path = Path("/")

    def at(self, path: str) -> Path:
        """The absolute ``path`` of a machine below this root."""
        return self.root / path.lstrip("/")

    @property
    def state(self) -> Path:
        """What survives a reboot."""
        return self.at("/var/lib/backplane")

    @property
    def generations(self) -> Path:
        """One directory for each complete generation."""
        return self.state / "generations"

    @property
    def confirmed(self) -> Path:
        """Link to the generation that boot reads; moves at confirm only."""
        return self.state / "confirmed"

    @property
    def staged(self) -> Path:
        """Link to the generation staged last."""
        return self.state / "staged"

    @property
    def members(self) -> Path:
        """The newest signed list of the mesh's members, durable."""
        return self.state / "members.json"

    @property
    def shown_members(self) -> Path:
        """The same for sshd, to show it to other nodes."""
        return self.run / "members"

    @property
    def removed(self) -> Path:
        """Record of the peers that are no members any more; without one operators are held."""
        return self.run / "removed.json"

    @property
    def before(self) -> Path:
        """What a machine was before it was taken over; none where user-data made it."""
        return self.state / "before.json"

    @property
    def console(self) -> Path:
        """Root's entry in /etc/shadow before ours; none while ours is not in its place."""
        return self.state / "console-before"

    @property
    def run(self) -> Path:
        """What a reboot forgets."""
        return self.at("/run/backplane")

    @property
    def active(self) -> Path:
        """Link that daemons read through; tmpfiles makes it point to ``confirmed`` at boot."""
        return self.run / "active"

    @property
    def applied(self) -> Path:
        """Record of what was last put into the kernel and the daemons since boot."""
        return self.run / "applied.json"

    @property
    def listed(self) -> Path:
        """Record of how nft lists the rulesets that are known."""
        return self.run / "listed.json"

    @property
    def armed(self) -> Path:
        """Record of the timer that undoes an unconfirmed generation."""
        return self.run / "armed.json"

    @property
    def undone(self) -> Path:
        """Record of the last rollback since boot."""
        return self.run / "rolled-back.json"

    @property
    def lease(self) -> Path:
        """Who may change this node, and until when."""
        return self.run / "lease.json"

    @property
    def packing(self) -> Path:
        """Locked by the stage that installs packages."""
        return self.run / "packing"

    @property
    def lock(self) -> Path:
        """Held by the one verb that is changing something."""
        return self.run / "lock"

    @property
    def tool(self) -> Path:
        """The tool itself: timers start it."""
        return self.at(TOOL)

    @property
    def hosts(self) -> Path:
        """The file with our block of names."""
        return self.at("/etc/hosts")

    @property
    def wireguard(self) -> Path:
        """Where wg-quick looks for its files: links of ours."""
        return self.at("/etc/wireguard")

    @property
    def settings(self) -> Path:
        """The kernel's settings as files."""
        return self.at("/proc/sys")

    @property
    def boot_units(self) -> Path:
        """Where systemd keeps what it starts at boot."""
        return self.at("/etc/systemd/system/multi-user.target.wants")

    def generation(self, name: str) -> Path:
        """Directory of the generation ``name``."""
        return self.generations / name

    def wireguard_link(self, interface: str) -> Path:
        """What wg-quick reads for ``interface``."""
        return self.wireguard / f"{interface}.conf"
