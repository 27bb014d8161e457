"""The tool's small parts: names, settings, listeners, probes, and its entry."""

import json
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import __main__ as entry
from node import facts, hosts, probe, sysctl, verbs
from node.errors import Refused
from node.generations import Generation
from tests.node.model import Box
from tests.node.recipe import key

LINES = st.lists(st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=9))


@given(LINES, LINES, LINES)
def test_other_lines_of_hosts_stay(before: list[str], after: list[str], block: list[str]) -> None:
    """Whatever stands around our block stays as it is; writing twice is writing once."""
    named = "\n".join(line for line in block if line)
    first = hosts.merge("\n".join([*before, ""]) if before else "", named)
    grown = first + "".join(f"{line}\n" for line in after)
    again = hosts.merge(grown, f"{named}\n10.0.0.1 new\n")
    lines = again.splitlines()
    assert lines[: len(before)] == before
    assert lines[lines.index(hosts.END) + 1 :] == after
    assert hosts.merge(again, f"{named}\n10.0.0.1 new\n") == again


def test_a_block_cut_by_hand_costs_nobody_a_line() -> None:
    """Without its end our block reaches to the first empty line; what follows is not ours."""
    text = f"a\n{hosts.BEGIN}\n10.0.0.1 old\n\n192.0.2.1 theirs\n"
    assert hosts.merge(text, "10.0.0.2 new\n").splitlines() == [
        "a",
        hosts.BEGIN,
        "10.0.0.2 new",
        hosts.END,
        "",
        "192.0.2.1 theirs",
    ]


def _settings(box: Box, text: str) -> Path:
    file = box.layout.at("/settings.conf")
    file.write_text(text, encoding="ascii")
    return file


def test_only_settings_that_differ_are_written(enrolled: Box) -> None:
    """A setting the kernel has is left alone, IPv6's may be missing, an unknown one is refused."""
    machine = enrolled.machine
    same = _settings(enrolled, "# note\nnet.ipv4.ip_nonlocal_bind = 1\nnet.ipv6.x = 0\n")
    assert sysctl.differences(machine, same) == []
    other = _settings(enrolled, "net.ipv4.ip_nonlocal_bind=0\n")
    assert sysctl.differences(machine, other) == [("net.ipv4.ip_nonlocal_bind", "0")]
    sysctl.write(machine, "net.ipv4.ip_nonlocal_bind", "0")
    assert sysctl.differences(machine, other) == []
    with pytest.raises(Refused, match="no setting"):
        sysctl.differences(machine, _settings(enrolled, "net.ipv4.nonsense = 1\n"))


def test_listeners_are_read_with_their_process() -> None:
    """IPv4, IPv6, scoped and wildcard sockets, with and without a process."""
    text = (
        'tcp LISTEN 0 128 10.201.1.1:22 0.0.0.0:* users:(("sshd",pid=10,fd=4))\n'
        "udp UNCONN 0 0 *:51820 *:*\n"
        'udp UNCONN 0 0 [fe80::1]%eth0:546 [::]:* users:(("systemd-network",pid=7,fd=19))\n'
    )
    found = [tuple(item.values()) for item in facts.parse_listeners(text)]
    assert found == [
        ("tcp", "10.201.1.1", 22, "sshd", 10),
        ("udp", "fe80::1", 546, "systemd-network", 7),
        ("udp", "*", 51820, None, None),
    ]


def test_connections_are_tried_at_once() -> None:
    """Hundreds of targets take no longer than one; open and refused are told apart, in order."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
        with socket.create_server(("127.0.0.1", 0)) as other:
            shut = int(other.getsockname()[1])
        targets = [(f"127.0.0.{n}", shut) for n in range(2, 250)] + [("127.0.0.1", port)]
        doors = probe.connect([*targets, ("127.0.0.1", shut)], 3)
    assert [door.result for door in doors] == ["refused"] * 248 + ["open", "refused"]
    assert doors[-2].port == port


def test_peers_are_named_by_the_generation(enrolled: Box) -> None:
    """Every peer of an interface has its name, and none but its own."""
    generation = Generation(
        name="x",
        path=enrolled.layout.root,
        node="a",
        incarnation=1,
        interfaces={},
        mesh={"wg1": [{"public": key("peer b wg1"), "name": "b"}]},
    )
    assert generation.peer_names("wg1") == {key("peer b wg1"): "b"}
    assert generation.peer_names("wg0") == {}


def tool(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
    """Run the tool as the machine does, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "node", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_entry_answers_in_one_line() -> None:
    """A refusal is one JSON line with error and fix and exit 1; wrong usage is exit 2, no JSON."""
    code, out, _ = tool("stage", stdin="nonsense")
    assert code == 1
    assert set(json.loads(out)) == {"error", "fix"}
    assert out.count("\n") == 1
    assert tool("lease", stdin="[]")[0] == 1
    code, out, err = tool("destroy")
    assert (code, out) == (2, "")
    assert "usage" in err
    assert tool("expire")[0] == 2
    code, out, _ = tool("--help")
    assert code == 0
    assert all(verb in out for verb in entry.VERBS)


def test_every_verb_leads_somewhere() -> None:
    """Each entry of the table names a module and a function that exist."""
    import importlib  # noqa: PLC0415 - only here

    for module, function, kind in entry.VERBS.values():
        assert callable(getattr(importlib.import_module(module), function))
        assert kind in {"text", "json", "lines", "unit", "session"}


@pytest.mark.usefixtures("own_process")
def test_a_traceback_never_reaches_anyone(
    enrolled: Box, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error nobody thought of is told by its kind and place: its text may hold a key."""

    def broken(*_: object) -> None:
        raise ValueError(key("secret"))

    monkeypatch.setattr(verbs, "take_lease", broken)
    monkeypatch.setattr(entry, "Machine", lambda: enrolled.machine)
    monkeypatch.setattr("sys.stdin", __import__("io").StringIO("{}"))
    assert entry.main(["lease"]) == 1
    seen = capsys.readouterr()
    assert "ValueError" in json.loads(seen.out)["error"]
    assert key("secret") not in seen.out + seen.err


def test_the_tool_needs_the_standard_library_only(tmp_path: Path) -> None:
    """Zipped, each module loads in a Python without site packages, and the tool answers."""
    archive = tmp_path / "tool"
    modules = sorted(Path(entry.__file__).parent.glob("*.py"))
    with zipfile.ZipFile(archive, "w") as packed:
        for path in modules:
            packed.write(path, f"node/{path.name}")
        packed.writestr("__main__.py", "from node.__main__ import main\nraise SystemExit(main())\n")
    names = ", ".join(f"node.{path.stem}" for path in modules)
    bare = [sys.executable, "-I", "-S"]
    code = f"import sys; sys.path.insert(0, {str(archive)!r}); import {names}"
    subprocess.run([*bare, "-c", code], check=True, timeout=60)
    done = subprocess.run(
        [*bare, str(archive), "stage"],
        input="nonsense",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "refused" in json.loads(done.stdout)["error"]
