"""People's own accounts: whose keys open them, what they may do, and by which number they go."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backplane import compare, login_rules, logins, planes
from backplane.check import checked_plan
from backplane.declaration import DeclarationError
from backplane.login_rules import EVERYTHING, USER_PATTERN, is_command, is_reserved
from backplane.logins import Login
from backplane.picture import picture
from backplane.render import bundle as rendered
from backplane.render import sshd, sudoers
from backplane.render.bundle import Bundle
from node import accounts, passwd
from tests.core import example, tools

ALICE = {"user": "alice", "sudo": ["/usr/bin/systemctl restart nginx.service", "/usr/bin/id"]}
BOB = {"user": "bob"}
CAROL = {"user": "carol", "sudo": "all"}


def _raw(**own: dict[str, Any]) -> dict[str, Any]:
    """The example with operators on management who have accounts of their own."""
    raw = example.raw()
    raw["operators"] |= {
        name: {"id": number, "planes": ["management"], "login": login}
        for number, (name, login) in enumerate(own.items(), start=2)
    }
    return raw


def _bundle(raw: dict[str, Any], name: str = "fsn-a") -> Bundle:
    made = example.material(raw)
    return rendered.bundle(made.plan, name, made.identities[name], made.cards, made.roots)


TEAM = _raw(laptop=ALICE, phone=ALICE, bob=BOB, carol=CAROL)


def test_a_bundle_has_each_account_once_with_the_keys_of_all_its_devices() -> None:
    """Two devices of one person open one account, each from its own addresses; root's is others'.

    A device with an account opens root's no more; one without does, as before.
    """
    files = _bundle(TEAM).files()
    told = json.loads(files["logins/accounts.json"].text)["accounts"]
    assert [one["user"] for one in told] == ["alice", "bob", "carol"]
    keys = {path: one for path, one in files.items() if path.startswith("logins/keys/")}
    assert sorted(keys) == [f"logins/keys/{user}" for user in ("alice", "bob", "carol")]
    assert all(one.mode == "0644" for one in keys.values()), "sshd reads them as the user"
    laptop, phone = keys["logins/keys/alice"].text.splitlines()
    assert laptop.startswith('from="10.201.255.2,')
    assert laptop.endswith(" laptop")
    assert phone.startswith('from="10.201.255.3,')
    root = [line.rsplit(" ", 1)[1] for line in files["authorized_keys"].text.splitlines()]
    assert root == ["alice", "runner"], "alice of the example has no account of her own"


def test_entry_nodes_are_ways_to_an_account_too() -> None:
    """Who comes by the site's entry has its address."""
    raw = _raw(laptop=ALICE)
    raw["sites"]["fsn"]["entry"] = ["fsn-b"]
    (line,) = _bundle(raw).files()["logins/keys/alice"].text.splitlines()
    assert "10.201.1.2," in line.split('"')[1] + ","


def test_without_accounts_nothing_but_root_is_let_in() -> None:
    """No file of accounts, no role, and `AllowUsers root`."""
    files = _bundle(example.raw()).files()
    assert not [path for path in files if path.startswith(("logins/", "secrets/sudo"))]
    assert "AllowUsers root\n" in files["sshd.conf"].text
    assert "sudo" not in _bundle(example.raw()).document.get("roles", {})


def test_who_reaches_no_door_has_no_account() -> None:
    """An operator on monitoring alone cannot log in: nothing is made for them."""
    raw = _raw(bob=BOB)
    raw["operators"]["bob"]["planes"] = ["monitoring"]
    assert "logins/accounts.json" not in _bundle(raw).files()


def test_sudo_is_installed_where_somebody_may_do_something_and_nowhere_else() -> None:
    """Its package and its file come with the first right; the machine's own visudo judges it."""
    assert "sudo" not in _bundle(_raw(bob=BOB)).document["roles"]
    role = _bundle(TEAM).document["roles"]["sudo"]
    assert role["packages"] == ["sudo"]
    assert role["checks"] == [["visudo", "--check", "--quiet", "--file={hidden}/sudoers"]]
    assert _bundle(TEAM).files()["secrets/sudo/sudoers"].mode == "0600"


def _judged(tmp_path: Path, text: str) -> bool:
    file = tmp_path / "sudoers"
    file.write_text(text)
    return tools.accepts(tools.of_image("visudo"), "--check", "--quiet", f"--file={file}")[0]


def _granted(tmp_path: Path, text: str) -> dict[str, list[str]]:
    """By user, the commands that sudo's own parser finds granted."""
    file = tmp_path / "sudoers"
    file.write_text(text)
    fine, said = tools.accepts(tools.of_image("cvtsudoers"), "-f", "json", file)
    assert fine, said
    found: dict[str, list[str]] = {}
    for spec in json.loads(said)["User_Specs"]:
        (user,) = (one["username"] for one in spec["User_List"])
        for part in spec["Cmnd_Specs"]:
            assert {"authenticate": False} in part["Options"]
            found.setdefault(user, []).extend(one["command"] for one in part["Commands"])
    return found


def test_sudo_reads_what_was_declared_and_nothing_more(tmp_path: Path) -> None:
    """The real parser: alice her two commands, one without arguments; bob nothing; carol all."""
    text = _bundle(TEAM).files()["secrets/sudo/sudoers"].text
    assert _judged(tmp_path, text)
    assert not _judged(tmp_path, text + "alice ALL=(root) NOPASSWD /usr/bin/id\n")
    assert _granted(tmp_path, text) == {
        "alice": ['/usr/bin/id ""', "/usr/bin/systemctl restart nginx.service"],
        "carol": ["ALL"],
    }


_WORDS = st.text("abzAZ09._+@=:,/-", min_size=1, max_size=12)
_PATHS = st.lists(st.text("abz09._+-", min_size=1, max_size=8), min_size=1, max_size=4)


@given(path=_PATHS, words=st.lists(_WORDS, max_size=4))
def test_every_command_that_is_accepted_means_itself(path: list[str], words: list[str]) -> None:
    """Whatever passes the rule is one command to sudo: no list, no wildcard, no directory."""
    text = " ".join(["/" + "/".join(path), *words])
    if not is_command(text):
        return
    line = sudoers.sudoers([Login(user="alice", sudo=(text,))]).splitlines()[-1]
    command = line.partition("NOPASSWD: ")[2]
    assert not re.search(r"(?<!\\)[,:=]", command)
    assert re.sub(r"\\(.)", r"\1", command).removesuffix(' ""') == text
    assert "/../" not in f"{text.split(' ')[0]}/"
    assert "/./" not in f"{text.split(' ')[0]}/"


@pytest.mark.parametrize("text", ["/usr/bin/x a,b:c=d", "/usr/bin/x -y=/etc/z, ALL", "/a/b-c+d"])
def test_signs_that_sudo_knows_are_told_as_themselves(tmp_path: Path, text: str) -> None:
    """A comma, a colon and an equals sign end nothing."""
    rule = sudoers.sudoers([Login(user="alice", sudo=(text,))])
    (told,) = _granted(tmp_path, rule)["alice"]
    assert told.replace("\\", "").removesuffix(' ""') == text


@pytest.mark.parametrize(
    "text",
    ["id", "/usr/bin/", "/bin/x *", "/bin/x [a]", '/bin/x "a"', "/bin/x\n/bin/y", "/bin/../sbin/y",
     "/bin/x  y", "/bin/x ^a$", "/bin/x a!b", "sudoedit /etc/passwd", "ALL", "/", "/x" * 101, 7],
)  # fmt: skip
def test_what_could_mean_more_is_no_command(text: object) -> None:
    """Wildcards, quotes, regular expressions, directories, line ends, and names without a path."""
    assert not is_command(text)


@given(st.from_regex(USER_PATTERN, fullmatch=True))
def test_numbers_follow_from_names_alone_on_both_sides(user: str) -> None:
    """The node tool computes the same one; none is the system's, or a container's."""
    assert logins.uid(user) == passwd.uid_of(user)
    assert 65536 <= logins.uid(user) <= 99_999
    assert sshd.LOGIN_KEYS == "logins/keys"


def test_the_tool_reads_what_the_core_writes() -> None:
    """Where accounts, rules and keys lie is one thing on both sides."""
    files = _bundle(TEAM).files()
    assert {passwd.FILE, accounts.RULES} <= {*files}
    assert {one["uid"] for one in json.loads(files[passwd.FILE].text)["accounts"]} == {
        passwd.uid_of(user) for user in ("alice", "bob", "carol")
    }


def test_devices_that_come_and_go_move_no_number() -> None:
    """Dropping one of two devices changes neither the account nor anybody else's."""
    fewer = _raw(phone=ALICE, carol=CAROL)
    for raw in (TEAM, fewer):
        told = json.loads(_bundle(raw).files()["logins/accounts.json"].text)["accounts"]
        assert {"user": "alice", "uid": logins.uid("alice")} in told


@pytest.mark.parametrize("user", ["root", "www-data", "sudo", "backplane", "systemd-x", "debian"])
def test_a_systems_name_is_no_persons(user: str) -> None:
    """Each of them is told; alice is not."""
    with pytest.raises(DeclarationError, match="no person's"):
        checked_plan(_raw(x={"user": user}), project="backplane", stack="lab")
    assert not is_reserved("alice")
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", one) for one in login_rules.RESERVED)


@pytest.fixture(name="active")
def _active(tmp_path: Path) -> Path:
    """A directory in place of the active one, with a host key that sshd can load."""
    made = example.material(TEAM)
    key = tmp_path / "ssh_host_ed25519_key"
    key.touch(mode=0o600)
    key.write_bytes(made.identities["fsn-a"].ssh.private.reveal())
    return tmp_path


@pytest.mark.parametrize(
    ("user", "keys"),
    [("alice", "/logins/keys/%u"), ("root", "/authorized_keys"), ("daemon", "/authorized_keys")],
)
def test_sshd_looks_for_each_ones_keys_in_its_own_place(active: Path, user: str, keys: str) -> None:
    """`sshd -T -C`: a person's in the generation's folder, root's where they were; nobody else."""
    part, whole = active / "part.conf", active / "whole.conf"
    part.write_text(_bundle(TEAM).files()["sshd.conf"].text.replace(sshd.ACTIVE, str(active)))
    whole.write_text(f"Include {part}\nPasswordAuthentication yes\nX11Forwarding yes\n")
    at = f"user={user},host=x,addr=10.201.255.2,laddr=10.201.1.1,lport=22"
    fine, said = tools.accepts(tools.need("sshd"), "-T", "-C", at, "-f", whole)
    if "Missing privilege separation directory" in said:
        pytest.skip("sshd wants /run/sshd, which root makes")
    assert fine, said
    lines = said.splitlines()
    assert f"authorizedkeysfile {active}{keys}" in lines
    assert [line for line in lines if line.startswith("allowusers ")] == [
        f"allowusers {one}" for one in ("root", "alice", "bob", "carol")
    ]
    assert {"disableforwarding yes", "passwordauthentication no"} <= {*lines}


def test_where_copies_arrive_no_person_comes_by_storage() -> None:
    """The block for storage stands before the one for people: the first value holds."""
    node = example.material(TEAM).plan.node("fsn-a")
    text = sshd.config(node, slots=planes.SLOTS, copies=True, logins=["alice"])
    assert text.index("Match LocalAddress") < text.index("Match User alice")
    assert text.index("AllowUsers root alice") < text.index("Match LocalAddress")


def test_a_reviewer_reads_who_may_do_what() -> None:
    """A right that is given, and a device that stops being root's, stand in the comparison."""
    before = checked_plan(_raw(laptop=ALICE), project="backplane", stack="lab")
    after_raw = _raw(laptop=CAROL)
    after_raw["operators"]["alice"]["login"] = BOB
    after = checked_plan(after_raw, project="backplane", stack="lab")
    people = dict(compare.compare(picture(before), picture(after)).people)
    (line,) = people["laptop"]
    now, _, old = line.partition(", before as ")
    assert now == f"logs in as carol (as root: {EVERYTHING})"
    assert old == "alice (as root: /usr/bin/id, /usr/bin/systemctl restart nginx.service)"
    assert people["alice"] == ("logs in as bob (as root: nothing), before as root",)
