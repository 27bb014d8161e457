"""No secret of the run is anywhere it should not be, and one that is planted is found."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.network.namespace import Namespace
from tests.lab.canary import Canaries, joined, search
from tests.lab.mesh import Mesh
from tests.lab.watch import Watch

NODES = ("fsn-a", "fsn-b", "hel-a", "hel-b")


def _words(mesh: Mesh, consoles: dict[str, dict[str, str]]) -> dict[str, str]:
    """The console passwords that there are and were, and the hashes that nodes have."""
    former = enumerate(sorted(mesh.passwords))
    found = {f"former password {number}": word for number, word in former}
    for name in NODES:
        hashed = mesh.lab.on(name).succeed("cat /run/backplane/active/console").strip()
        found[f"password {name}"] = consoles[name]["password"]
        found[f"hash {name}"] = hashed.removeprefix("root:")
    return found


@pytest.fixture(scope="module")
def canaries(mesh: Mesh) -> Canaries:
    """Every secret of the run, from the places where it must be."""
    found = Canaries()
    words = ("pulumi", "stack", "export", "--show-secrets", "--stack", "lab")
    document = json.loads(mesh.run(*words).out)
    found.state(document)
    outputs = mesh.outputs()
    found.pem("push key", outputs["runner"]["push_key"])
    for name, runner in outputs["runner"]["runners"].items():
        for slot, side in runner["sides"].items():
            found.key(f"runner {name} {slot}", side["private_key"])
        for node, psks in runner["psks"].items():
            for slot, psk in psks.items():
                found.key(f"psk {name} {node} {slot}", psk)
    for name, files in outputs["operators"].items():
        for file, text in files.items():
            found.wireguard(f"operator {name} {file}", text)
    for name, line in outputs["guests"].items():
        found.key(f"tsig {name}", line.rpartition(":")[2])
    found.words = _words(mesh, outputs["console"])
    for name in NODES:
        node = mesh.lab.on(name)
        line = node.succeed("cat /run/backplane/active/secrets/names/tsig")
        found.key(f"tsig {name}", line.strip().rpartition(":")[2])
        found.wireguard(f"user-data {name}", mesh.lab.machine(name).book().spec.user_data)
        found.pem(f"user-data {name}", mesh.lab.machine(name).book().spec.user_data)
        found.pem(
            f"host key {name}", node.succeed("cat /run/backplane/active/ssh_host_ed25519_key")
        )
        for number in range(4):
            # What the kernel or wireguard-go holds: clamped; the file as it was pushed.
            found.wireguard(f"{name} wg{number} live", node.succeed(f"wg showconf wg{number}"))
            found.wireguard(
                f"{name} wg{number}", node.succeed(f"cat /etc/wireguard/wg{number}.conf")
            )
    return found


def _places(mesh: Mesh) -> dict[str, bytes | str]:
    """Everything that others may read, or that is kept: outputs, /proc, journals, the state."""
    places: dict[str, bytes | str] = {f"output of {name}": text for name, text in mesh.said.items()}
    places["/proc"] = joined(mesh.watch.seen)
    for path in sorted(mesh.lab.settings.backend.rglob("*")):
        if path.is_file():
            places[f"state {path.name}"] = path.read_bytes()
    books = mesh.lab.settings.books
    places["the cloud's journal"] = books.with_name(f"{books.name}.journal").read_bytes()
    places["the cloud's log"] = (books.parent / "api.log").read_bytes()
    for name in NODES:
        machine = mesh.lab.machine(name)
        done = machine.run("journalctl", "--no-pager", "--all", "--output=export", seconds=120)
        assert done.returncode == 0, done.stderr
        places[f"journal of {name}"] = done.stdout
        logs = machine.run(
            "sh", "-c", "find /var/log -type f -name '*.log' -exec cat {} +", seconds=60
        )
        places[f"logs of {name}"] = logs.stdout
        seen = machine.run("cat", "/run/backplane/metrics/wireguard.prom", seconds=20)
        assert "wireguard_sent_bytes_total" in seen.stdout
        places[f"metrics of {name}"] = seen.stdout
        places[f"console of {name}"] = machine.place.console.read_bytes()
    return places


def test_all_secrets_are_known(canaries: Canaries) -> None:
    """The search has what it needs: seeds, salts, roots, keys and PSKs of every node and pair."""
    names = set(canaries.keys)
    assert {f"{name}-seed" for name in NODES} <= names
    assert {"management-keys", "management-psk", "storage-keys", "storage-psk"} <= names
    assert len([name for name in names if name.startswith("psk runner")]) == 8
    assert {*(f"tsig {name}" for name in NODES), "tsig printer.mgmt"} <= names
    # 4 nodes with 4 keys each, of which no two are alike, and 6 pairs on 4 planes.
    files = {raw for name, raw in canaries.keys.items() if " wg" in name and "live" not in name}
    assert len(files) >= 16 + 24
    assert len(canaries.lines) >= 1 + 2 * len(NODES)
    assert {f"{what} {name}" for what in ("password", "hash") for name in NODES} <= {
        *canaries.words
    }


def test_the_watch_saw_runner_and_nodes(mesh: Mesh) -> None:
    """/proc was looked at about twenty times a second, and it holds the nodes' processes too."""
    assert mesh.watch.looks >= 16 * mesh.watch.seconds
    lines = joined(mesh.watch.seen)
    assert b"/usr/local/sbin/backplane-node" in lines
    assert b"runner.driver" in lines
    assert b"PULUMI_CONFIG_PASSPHRASE=" in lines


def test_no_secret_is_anywhere_else(mesh: Mesh, canaries: Canaries) -> None:
    """Outputs, diffs, JSON, command lines, environments, journals, logs, state: 0 finds."""
    places = _places(mesh)
    for label in ("preview ", "preview --diff ", "preview --json ", "up --yes"):
        assert any(place.startswith(f"output of {label}") for place in places), label
    assert all(places[f"journal of {name}"] for name in NODES)
    assert search(canaries, places) == []


SPELLINGS: dict[str, Callable[[bytes], str]] = {
    "base64": lambda raw: base64.b64encode(raw).decode(),
    "without padding": lambda raw: base64.b64encode(raw).decode().rstrip("="),
    "hex": lambda raw: raw.hex(),
}
WORDS: dict[str, Callable[[str], str]] = {
    "as it is": lambda word: word,
    "one word": lambda word: word.replace(" ", ""),
    "url": lambda word: word.replace(" ", "%20"),
    "base64": lambda word: base64.b64encode(f"root:{word}\n".encode()).decode(),
    "hex": lambda word: word.encode().hex(),
}


@pytest.mark.parametrize("spelling", sorted(WORDS))
def test_a_planted_password_is_found(mesh: Mesh, canaries: Canaries, spelling: str) -> None:
    """One console password in an output, and in a node's journal: found, and only that one."""
    name = "password hel-b"
    text = WORDS[spelling](canaries.words[name])
    node = mesh.lab.on("hel-b")
    node.succeed(f"echo 'planted <{text}>' | systemd-cat -t planted")
    node.succeed("journalctl --sync")
    journal = mesh.lab.machine("hel-b").run("journalctl", "--output=export", "-t", "planted")
    places: dict[str, bytes | str] = {
        "output": f"Diagnostics: error: x={text}\n",
        "journal": journal.stdout,
    }
    assert search(canaries, places) == [f"{name} in {place}" for place in sorted(places)]
    node.succeed("journalctl --rotate && journalctl --vacuum-time=1s")


@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
def test_a_planted_secret_is_found(mesh: Mesh, canaries: Canaries, spelling: str) -> None:
    """One secret put into an output, an argument, an environment, a journal: all four found.

    It is the operator's key of the lab, made for this test run and gone with it.
    """
    name, raw = next(item for item in canaries.keys.items() if item[0].startswith("operator"))
    text = SPELLINGS[spelling](raw)
    watch = Watch()
    with watch.looking():
        subprocess.run(["sleep", "0.3"], check=True, env={**os.environ, "PLANTED": f"x:{text}:"})
    argument = Watch()
    with argument.looking():
        subprocess.run(["sh", "-c", f"sleep 0.3; : planted={text};"], check=True)
    node = mesh.lab.on("hel-b")
    node.succeed(f"echo 'planted <{text}>' | systemd-cat -t planted")
    node.succeed("journalctl --sync")
    journal = mesh.lab.machine("hel-b").run("journalctl", "--output=export", "-t", "planted")
    places: dict[str, bytes | str] = {
        "output": f"Diagnostics: error: key={text}\n",
        "environment": joined(watch.seen),
        "argument": joined(argument.seen),
        "journal": journal.stdout,
    }
    found = search(canaries, places)
    own = {item for item in found if item.startswith(f"{name} in ")}
    assert {item.rpartition(" in ")[2] for item in own} == set(places)
    node.succeed("journalctl --rotate && journalctl --vacuum-time=1s")


def test_a_planted_secret_in_the_state_is_found(
    mesh: Mesh, canaries: Canaries, tmp_path: Path
) -> None:
    """A state in which one secret stands outside ciphertext is told from one without."""
    (path,) = (mesh.lab.settings.backend / ".pulumi" / "stacks").rglob("lab.json")
    clean = path.read_text()
    assert search(canaries, {"state": clean}) == []
    text = base64.b64encode(canaries.keys["fsn-a-seed"]).decode()
    dirty = re.sub(r'"version": *1\b', f'"version": "{text}"', clean, count=1)
    assert dirty != clean
    copy = tmp_path / "lab.json"
    copy.write_text(dirty)
    assert search(canaries, {"state": copy.read_bytes()}) == ["fsn-a-seed in state"]


def test_nothing_secret_lies_on_the_runner(mesh: Mesh, canaries: Canaries) -> None:
    """The runner keeps no key on disk: neither in the project nor where it keeps its locks."""
    files: dict[str, bytes | str] = {}
    for folder in (mesh.project, Path("/run")):
        for path in folder.glob("**/*" if folder == mesh.project else "backplane-*"):
            inside = ".venv" not in path.parts and path.is_file()
            if inside and path.stat().st_size < 1 << 20:
                files[str(path)] = path.read_bytes()
    assert len(files) > 50
    assert search(canaries, files) == []
    assert Namespace(mesh.lab.lab.runner).exists
