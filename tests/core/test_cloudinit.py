"""User-data: dark first, three secrets and no more, under the limit, taken by what reads it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import node.layout
from backplane import keys, planes
from backplane.declaration import DeclarationError
from backplane.render import cloudinit, units
from tests.core import example, golden, tools

MADE = example.material()
BOOTSTRAP = keys.bootstrap(example.seed("node", "1.1"), 1)


def _user_data(name: str = "fsn-a", made: example.Material = MADE) -> str:
    runner = made.cards["runner"]
    return cloudinit.user_data(made.plan, name, BOOTSTRAP, runner, runner.ssh)


def _written() -> dict[str, dict[str, Any]]:
    return {entry["path"]: entry for entry in yaml.safe_load(_user_data())["write_files"]}


def _first_boot() -> str:
    return str(_written()[f"{units.LIBRARY}/first-boot"]["content"])


def _masked(text: str) -> str:
    """The text with its secrets named, so that no private key lies in the repository."""
    text = text.replace(BOOTSTRAP.wireguard.base64(), "<one-time wg0 key>")
    text = text.replace(BOOTSTRAP.psk.base64(), "<one-time PSK>")
    lines = BOOTSTRAP.host.private.text().splitlines()
    text = text.replace(f"      {lines[0]}\n", "")
    for line in lines[1:-1]:
        text = text.replace(f"      {line}\n", "")
    return text.replace(lines[-1], "<one-time host key>")


def test_it_reads_as_looked_at() -> None:
    """The user-data of fsn-a equals its golden file, its secrets masked."""
    golden.compare("fsn-a/user-data.yaml", _masked(_user_data()))


def test_it_stays_under_the_limit() -> None:
    """Every node's is below 16,384 bytes, also with the longest names."""
    for planned in MADE.plan.nodes:
        assert len(_user_data(planned.name).encode()) < 16_384
    raw = example.raw()
    raw["sites"]["fsn"]["nodes"] = {"n" * 63: {"id": 1}}
    raw["runners"] = {"r" * 63: {"id": 254}}
    made = example.material(raw)
    runner = made.cards["r" * 63]
    text = cloudinit.user_data(made.plan, "n" * 63, BOOTSTRAP, runner, runner.ssh)
    assert len(text.encode()) < 16_384


def test_over_the_limit_is_a_mistake_with_a_path() -> None:
    """One byte under is fine, at the limit it is a mistake of that node."""
    planned = MADE.plan.node("fsn-a")
    assert cloudinit.oversize(planned, "x" * 16_383) is None
    mistake = cloudinit.oversize(planned, "x" * 16_384)
    assert mistake is not None
    assert mistake.path == "sites.fsn.nodes.fsn-a"
    with pytest.raises(DeclarationError, match="16384"):
        cloudinit.user_data(MADE.plan, "fsn-a", BOOTSTRAP, MADE.cards["runner"], "x" * 20_000)


def test_its_secrets_are_the_three_one_time_ones() -> None:
    """The one-time key, PSK and host key are there; no lasting key, seed, root or PSK is."""
    text = _user_data()
    assert text.count(BOOTSTRAP.wireguard.base64()) == 1
    assert text.count(BOOTSTRAP.psk.base64()) == 1
    assert text.count("BEGIN OPENSSH PRIVATE KEY") == 1
    own = MADE.identities["fsn-a"]
    lasting = [key.base64() for key in own.wireguard.values()]
    lasting += own.ssh.private.text().splitlines()[1:-1][-2:]
    lasting += [
        keys.psk(root, "1.1", "255.254", slot=slot).base64() for slot, root in MADE.roots.items()
    ]
    assert not [secret for secret in lasting if secret in text]
    # Whatever else looks like a WireGuard key is the runner's public one.
    found = set(re.findall(r"[A-Za-z0-9+/]{43}=", text))
    assert found == {
        BOOTSTRAP.wireguard.base64(),
        BOOTSTRAP.psk.base64(),
        MADE.cards["runner"].wireguard["enrollment"],
    }


def test_it_knows_the_runner_and_nobody_else() -> None:
    """No other node and no operator is named; only the enrollment port is opened."""
    text = _user_data()
    for other in ("fsn-b", "hel-a", "alice", "51821", "51822", "51823"):
        assert other not in text
    assert text.count("[Peer]") == 1


def test_dark_comes_first() -> None:
    """bootcmd, cloud-init's first module, loads a ruleset that accepts no port at all."""
    config = yaml.safe_load(_user_data())
    assert list(config).index("bootcmd") < list(config).index("write_files")
    assert list(config).index("write_files") < list(config).index("runcmd")
    (first,) = config["bootcmd"]
    assert "policy drop" in first
    assert not re.search(r"dport .*\bd?port.* accept", first.replace("udp dport 68 accept", ""))
    assert "tcp dport" not in first
    assert first.splitlines()[0] == "[ -e /var/lib/backplane/confirmed ] && exit 0"


def test_the_firewall_is_up_before_wg0_and_wg0_before_sshd() -> None:
    """The first boot's script starts them in this order, after the packages are there."""
    script = _first_boot()
    order = [
        "apt-get -q update",
        "systemctl restart backplane-nft.service",
        "systemctl enable --now wg-quick@wg0.service",
        "systemctl restart ssh.service",
        f"systemctl disable {units.FIRST_BOOT}",
    ]
    places = [script.index(step) for step in order]
    assert places == sorted(places)


def test_nothing_of_the_images_own_lets_anybody_in() -> None:
    """No default user, no password, no other host key, no package work of cloud-init's."""
    config = yaml.safe_load(_user_data())
    for key, value in {
        "users": [],
        "ssh_pwauth": False,
        "disable_root": False,
        "ssh_deletekeys": True,
        "ssh_genkeytypes": [],
        "package_update": False,
        "package_upgrade": False,
        "locale": False,
        "manage_etc_hosts": False,
    }.items():
        assert config[key] == value
    assert "rm -f /etc/ssh/ssh_host_*_key" in _first_boot()


def test_files_are_complete_and_closed() -> None:
    """Generation 0 has every file of the layout; secrets are 0600, in a directory that is 0700."""
    written = _written()
    generation = {
        path.removeprefix(f"{cloudinit.GENERATION}/"): entry["permissions"]
        for path, entry in written.items()
        if path.startswith(cloudinit.GENERATION)
    }
    assert generation == {
        "authorized_keys": "0600",
        "nftables.nft": "0600",
        "ssh_host_ed25519_key": "0600",
        "sshd.conf": "0644",
        "sysctl.conf": "0644",
        "wireguard/wg0.conf": "0600",
    }
    assert "install -d -m 0700 /var/lib/backplane" in yaml.safe_load(_user_data())["bootcmd"][0]


def test_paths_are_those_of_the_node_tool() -> None:
    """User-data and the tool agree on every path and unit that both know."""
    where = node.layout.Layout()
    assert node.layout.ACTIVE == units.ACTIVE == str(where.active)
    assert str(where.state) == units.STATE
    assert str(where.generation(node.layout.BIRTH)) == cloudinit.GENERATION
    assert set(node.layout.LINKS) <= set(units.LINKS)
    for plane in planes.PLANES:
        link = str(where.wireguard_link(plane.interface))
        target = f"{units.ACTIVE}/wireguard/{plane.interface}.conf"
        assert (link, target) in units.LINKS
    assert f"/etc/systemd/system/{node.layout.FIREWALL_UNIT}" in units.FILES
    assert f"/etc/systemd/system/{node.layout.SSH_UNIT}.d/backplane.conf" in units.FILES


def test_nft_and_wg_quick_take_generation_0(tmp_path: Path) -> None:
    """The real tools accept both rulesets and the wg0 file that a first boot uses."""
    written = _written()
    early = yaml.safe_load(_user_data())["bootcmd"][0].split("'EOF'", 1)[1].split("\n", 1)[1]
    rules = tmp_path / "rules.nft"
    for text in (
        early.split("EOF\n")[0],
        written[f"{cloudinit.GENERATION}/nftables.nft"]["content"],
    ):
        rules.write_text(text)
        accepted, said = tools.accepts(tools.need("nft"), "-c", "-f", rules)
        if "Operation not permitted" in said:
            pytest.skip("nft needs root to check")
        assert accepted, said
    wg0 = tmp_path / "wg0.conf"
    wg0.touch(mode=0o600)
    wg0.write_text(written[f"{cloudinit.GENERATION}/wireguard/wg0.conf"]["content"])
    accepted, said = tools.accepts(tools.need("wg-quick"), "strip", wg0)
    assert accepted, said


@pytest.mark.parametrize("part", ["bootcmd", "first-boot"])
def test_a_shell_and_shellcheck_take_the_scripts(part: str, tmp_path: Path) -> None:
    """Both scripts parse and shellcheck has nothing to say; a broken one does not parse."""
    text = _first_boot()
    if part == "bootcmd":
        text = "#!/bin/sh\n" + yaml.safe_load(_user_data())["bootcmd"][0]
    file = tmp_path / part
    file.write_text(text)
    assert tools.accepts(tools.need("sh"), "-n", file) == (True, "")
    broken = tmp_path / "broken"
    broken.write_text(text + "if true\n")
    assert not tools.accepts(tools.need("sh"), "-n", broken)[0]
    accepted, said = tools.accepts(tools.need("shellcheck"), file)
    assert accepted, said


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """`systemd-analyze verify` finds no unknown word in any unit or drop-in."""
    tool = tools.need("systemd-analyze")
    for name in ("ssh.service", "wg-quick@wg0.service"):
        (tmp_path / name).write_text("[Service]\nExecStart=/bin/true\n")
    checked = []
    for path, text in units.FILES.items():
        if path.startswith("/etc/systemd/system/"):
            # What a unit starts need not be on this machine.
            content = re.sub(r"(?m)^(ExecStart=-?)/\S+", r"\1/bin/true", text)
            name = path.removeprefix("/etc/systemd/system/").replace("@.", "@wg0.")
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(content)
            checked.append(tmp_path / name.split(".d/")[0])
    for unit in checked:
        _, said = tools.accepts(tool, "verify", unit)
        assert "nknown" not in said, said
        assert "nvalid" not in said, said
    file = tmp_path / "bad.service"
    file.write_text("[Service]\nExecStrat=/bin/true\n")
    assert "nknown" in tools.accepts(tool, "verify", file)[1]
