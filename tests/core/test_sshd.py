"""sshd: keys only, on plane addresses only, taken by the real sshd; sysctl and hosts beside it."""

from pathlib import Path

import pytest

from backplane import names, planes
from backplane.render import hosts, sshconfig, sshd, sysctl
from tests.core import example, golden, tools

MADE = example.material()
NODE = MADE.plan.node("fsn-a")


@pytest.fixture(name="active")
def _active(tmp_path: Path) -> Path:
    """A directory in place of the active one, with a host key that sshd can load."""
    key = tmp_path / "ssh_host_ed25519_key"
    key.touch(mode=0o600)
    key.write_bytes(MADE.identities["fsn-a"].ssh.private.reveal())
    return tmp_path


def _judged(active: Path, text: str, *options: str) -> tuple[bool, str]:
    file = active / "sshd.conf"
    file.write_text(text.replace(sshd.ACTIVE, str(active)))
    accepted, said = tools.accepts(tools.need("sshd"), *options, "-f", file)
    if "Missing privilege separation directory" in said:
        pytest.skip("sshd wants /run/sshd, which root makes")
    return accepted, said


def test_it_reads_as_looked_at() -> None:
    """The drop-in of fsn-a equals its golden file."""
    golden.compare("fsn-a/sshd.conf", sshd.config(NODE, slots=MADE.plan.slots))


def test_sshd_takes_it_and_refuses_a_broken_one(active: Path) -> None:
    """`sshd -t` accepts the file; an unknown word in it is refused."""
    text = sshd.config(NODE, slots=MADE.plan.slots)
    accepted, said = _judged(active, text, "-t")
    assert accepted, said
    assert not _judged(active, text + "PasswordAuthentification no\n", "-t")[0]


def test_what_sshd_makes_of_it(active: Path) -> None:
    """`sshd -T`: four plane addresses and no other, keys only, one host key, nothing forwarded."""
    # Debian's own file reads the drop-in first and would allow passwords, X11 and a wildcard port.
    accepted, said = _judged(active, _whole(active), "-T")
    assert accepted, said
    lines = said.splitlines()
    assert {line for line in lines if line.startswith("listenaddress")} == {
        "listenaddress 10.200.1.1:22",
        "listenaddress 10.201.1.1:22",
        "listenaddress [fd12:3456:789a:1::1]:22",
        "listenaddress [fd12:3456:789a:101::1]:22",
    }
    assert [line for line in lines if line.startswith("hostkey ")] == [
        f"hostkey {active}/ssh_host_ed25519_key"
    ]
    for wanted in (
        "passwordauthentication no",
        "kbdinteractiveauthentication no",
        "permitrootlogin without-password",
        "disableforwarding yes",
        "authenticationmethods publickey",
        "maxstartups 100:30:200",
        "strictmodes yes",
    ):
        assert wanted in lines, wanted


def _whole(active: Path) -> str:
    """A distribution's own file with our drop-in read where it reads them."""
    part = active / "part.conf"
    text = sshd.config(NODE, slots=MADE.plan.slots)
    part.write_text(text.replace(sshd.ACTIVE, str(active)))
    return f"Include {part}\nPasswordAuthentication yes\nX11Forwarding yes\nPermitRootLogin yes\n"


def test_only_who_asks_for_the_members_is_shown_them(active: Path) -> None:
    """The name that no account has gets the list and no way in more; root gets none."""
    at = "host=x,addr=10.201.1.2,laddr=10.201.1.1,lport=22"
    for user, shown in ((sshd.ASK, sshd.STATEMENT), ("root", "none")):
        accepted, said = _judged(active, _whole(active), "-T", "-C", f"user={user},{at}")
        assert accepted, said
        lines = said.splitlines()
        assert f"banner {shown}" in lines
        assert "passwordauthentication no" in lines
        assert "authenticationmethods publickey" in lines


def test_it_listens_only_where_a_plane_is_up() -> None:
    """On a first boot there is wg0 alone; monitoring and storage never have sshd."""
    first = sshd.config(NODE, slots=[planes.ENROLLMENT.slot])
    assert "10.200.1.1" in first
    assert "10.201.1.1" not in first
    whole = sshd.config(NODE, slots=MADE.plan.slots)
    assert "10.202." not in whole
    assert "10.203." not in whole


def test_each_person_logs_in_from_their_own_addresses_only(tmp_path: Path) -> None:
    """The runner from both ways in, Alice from management; one on monitoring alone not at all."""
    raw = example.raw()
    raw["operators"]["bob"] = {"id": 2, "planes": ["monitoring"]}
    made = example.material(raw)
    people = [(person, made.cards[person.name].ssh) for person in made.plan.people]
    text = sshd.authorized_keys(people, slots=made.plan.slots)
    alice, runner = text.splitlines()
    assert alice.startswith('from="10.201.255.1,fd12:3456:789a:1ff::1" ssh-ed25519 ')
    assert runner.startswith(
        'from="10.200.255.254,fd12:3456:789a:ff::fe,10.201.255.254,fd12:3456:789a:1ff::fe" '
    )
    file = tmp_path / "authorized_keys"
    file.write_text(text)
    accepted, said = tools.accepts(tools.need("ssh-keygen"), "-l", "-f", file)
    assert accepted
    assert said.count("ED25519") == 2


def test_sysctl_lets_daemons_bind_early_and_forwards_nothing() -> None:
    """Nonlocal bind in both families, no forwarding; with bridges forwarding is left alone."""
    text = sysctl.config(NODE)
    golden.compare("fsn-a/sysctl.conf", text)
    assert "net.ipv4.ip_nonlocal_bind = 1\n" in text
    assert "net.ipv6.ip_nonlocal_bind = 1\n" in text
    assert "net.ipv4.ip_forward = 0\n" in text
    assert "forward" not in sysctl.config(MADE.plan.node("fsn-b"))


def test_hosts_names_every_node_on_every_plane_with_a_zone() -> None:
    """Both families per name; the bare name means management; enrollment has no name."""
    text = hosts.block(names.records(MADE.plan))
    golden.compare("hosts", text)
    lines = text.splitlines()
    assert len(lines) == 4 * 3 * 2
    assert "10.201.1.1 fsn-a.mgmt fsn-a" in lines
    assert "fd12:3456:789a:301::1 fsn-a.store" in lines
    assert all(lines)
    assert not [line for line in lines if line.startswith("10.200.")]


def test_peoples_ssh_files_reach_nodes_over_management() -> None:
    """`ssh fsn-a` goes to its wg1 address with a host key that is known beforehand."""
    golden.compare("ssh_config", sshconfig.config(MADE.plan))
    known = sshconfig.known_hosts(MADE.plan, MADE.cards)
    golden.compare("known_hosts", known)
    host = MADE.cards["fsn-a"].ssh
    assert "fsn-a.lab.backplane,10.200.1.1,fd12:3456:789a:1::1,10.201.1.1" in known
    assert host in known.splitlines()[0]


def test_ssh_takes_the_files(tmp_path: Path) -> None:
    """`ssh -G` reads the address and user; `ssh-keygen -F` finds each host key, and no other's."""
    config, known = tmp_path / "config", tmp_path / "known_hosts"
    config.write_text(sshconfig.config(MADE.plan))
    known.write_text(sshconfig.known_hosts(MADE.plan, MADE.cards))
    accepted, said = tools.accepts(tools.need("ssh"), "-F", config, "-G", "hel-b")
    assert accepted
    assert {"hostname 10.201.2.2", "user root", "hostkeyalias hel-b.lab.backplane"} <= set(
        said.splitlines()
    )
    finder = tools.need("ssh-keygen")
    for node in MADE.plan.nodes:
        found, said = tools.accepts(finder, "-F", sshconfig.alias(MADE.plan, node), "-f", known)
        assert found
        assert MADE.cards[node.name].ssh.split()[1] in said
    assert not tools.accepts(finder, "-F", "nobody.lab.backplane", "-f", known)[0]
