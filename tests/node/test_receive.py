"""A replication's key: what syncoid asks is done, and of everything else nothing."""

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import __main__, receive
from tests.node.model import Box

COPY = "vault/copies/data"
COPIES = {
    "data": {"dataset": COPY, "source": "fsn-a", "seconds": 3600, "expand": []},
    "packed": {"dataset": "vault/copies/packed", "source": "b", "seconds": 1, "expand": ["cat"]},
    "torn": {"dataset": "vault/copies/torn", "source": "b", "seconds": 1, "expand": ["false"]},
}
# As syncoid 2.1.0 and 2.2.0 send them: blanks for options that are empty, quotes around names.
ALLOWED = (
    "exit",
    "echo -n",
    "ps -Ao args=",
    f" zfs get -H name '{COPY}'",
    f" zfs get -H -p used '{COPY}'",
    f" zfs get -Hpd 1 -t snapshot guid,creation '{COPY}'",
    f"  zfs receive -u    '{COPY}'",
    f"  zfs receive -u    '{COPY}' 2>&1",
)
REFUSED = (
    "",
    "sh",
    "bash -i",
    "id",
    "cat /etc/shadow",
    "scp -f /etc/passwd",
    "internal-sftp",
    "/usr/lib/openssh/sftp-server",
    "rsync --server --sender . /",
    "zfs",
    "zfs list",
    f"zfs destroy '{COPY}'",
    f"zfs destroy -r '{COPY}'",
    f"zfs rollback -R '{COPY}@a'",
    f"zfs send '{COPY}@a'",
    f"zfs set readonly=off '{COPY}'",
    f"zfs get all '{COPY}'",
    f"zfs receive -u -F '{COPY}'",
    f"zfs receive -F '{COPY}'",
    f"zfs receive -A '{COPY}'",
    f"zfs receive -u '{COPY}x'",
    f"zfs receive -u '{COPY}/below'",
    "zfs receive -u 'vault/copies'",
    "zfs receive -u 'vault'",
    "zfs receive -u 'vault/copies/packed'",
    "zfs receive -u 'vault/copies/../../tank'",
    f"zfs receive -u -o mountpoint=/ '{COPY}'",
    f"zfs receive -u '{COPY}'; id",
    f"zfs receive -u '{COPY}' && id",
    f"zfs receive -u '{COPY}' || id",
    f"zfs receive -u '{COPY}' | sh",
    f"cat /etc/shadow | zfs receive -u '{COPY}'",
    f"zfs receive -u '{COPY}' > /etc/cron.d/x",
    f"zfs receive -u '{COPY}' 2>&1 2>&1",
    f"zfs receive -u '{COPY}' 2>/etc/passwd",
    f"zfs receive -u $(id) '{COPY}'",
    f"zfs receive -u `id` '{COPY}'",
    f"zfs receive -u '{COPY}'\nid",
    f"zfs receive -u '{COPY}'\x00id",
    f"zfs receive -u '{COPY}",
    f"/sbin/zfs receive -u '{COPY}'",
    f"sudo zfs receive -u '{COPY}'",
    f"env zfs receive -u '{COPY}'",
    f"LD_PRELOAD=/tmp/x zfs receive -u '{COPY}'",
    f"exit; zfs receive -u '{COPY}'",
    "echo -n $(id)",
    "echo -n hello",
    "command -v id",
    "command -v cat",
    "ps -Ao args= ; id",
    "ps aux",
    "zpool destroy vault",
    f"zfs get -H name '{COPY}' '/etc/shadow'",
    f"zfs get -H name '{COPY}' " + "x" * 2000,
    f"zfs receive -u '{COPY}'é",
)

Ask = Callable[..., int]


@pytest.fixture
def ask(enrolled: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Ask as sshd would, on a machine whose `zfs` writes down its words and what it gets."""
    path = enrolled.layout.active / receive.FILE
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(COPIES), encoding="ascii")
    programs = tmp_path / "bin"
    programs.mkdir()
    zfs = programs / "zfs"
    lines = [
        "#!/bin/sh",
        f'echo "$0 $@" >>{tmp_path}/asked',
        f"[ $1 != version ] || [ ! -e {tmp_path}/old ] || exit 2",
        f"[ ! -e {tmp_path}/breaks ] || {{ echo broken >&2; exit 3; }}",
    ]
    zfs.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    zfs.chmod(0o755)
    monkeypatch.setattr(receive, "_PATH", {"PATH": f"{programs}:/usr/bin:/bin"})

    def asked(words: str, name: str = "data") -> int:
        monkeypatch.setenv("SSH_ORIGINAL_COMMAND", words.replace("\x00", ""))
        if "\x00" in words:
            monkeypatch.setattr(os, "environ", {"SSH_ORIGINAL_COMMAND": words})
        return receive.receive(enrolled.machine, name)

    return asked


def _asked(tmp_path: Path) -> list[str]:
    file = tmp_path / "asked"
    return file.read_text().splitlines() if file.exists() else []


@pytest.mark.parametrize("words", ALLOWED)
def test_what_syncoid_asks_is_done(ask: Ask, words: str) -> None:
    """Each of its questions, and the receiver itself."""
    assert ask(words) == 0


@pytest.mark.parametrize("words", REFUSED)
def test_nothing_else_is(
    ask: Ask, enrolled: Box, words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """No program runs, the exit code says so, and so does the journal."""
    assert ask(words) == receive.REFUSED
    assert _asked(tmp_path) == []
    assert "nothing else" in capfd.readouterr().err
    assert "replication data may not do this here" in enrolled.journal.lines[-1]


def test_there_are_enough_of_them() -> None:
    """The acceptance wants thirty."""
    assert len(set(REFUSED)) >= 30


@given(st.text(max_size=60))
def test_no_words_lead_to_another_command(words: str) -> None:
    """Whatever comes, what is understood is one of the few or nothing that is done."""
    understood = receive.understood(words)
    assert all(isinstance(word, str) for word in understood)
    if understood and understood[0] == "zfs":
        assert words.isascii()


def test_a_mbuffer_is_not_here_and_the_declared_program_is(
    ask: Ask, capfd: pytest.CaptureFixture[str]
) -> None:
    """So that nothing stands between stream and receiver but what was declared."""
    assert ask("command -v mbuffer") == 1
    assert ask("command -v lz4") == receive.REFUSED
    capfd.readouterr()
    assert ask("command -v cat", "packed") == 0
    assert capfd.readouterr().out == "/usr/bin/cat\n"


def test_an_unknown_replication_may_nothing(ask: Ask) -> None:
    """A key whose replication is gone, while sshd has yet to read its new file."""
    assert ask("echo -n", "gone") == receive.REFUSED


def test_exit_codes_are_true_and_errors_go_where_syncoid_reads_them(
    ask: Ask, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The receiver's code, or else that of what makes the stream whole."""
    (tmp_path / "breaks").touch()
    for words, stream in (
        (f"zfs receive -u '{COPY}'", "err"),
        (f"zfs receive -u {COPY} 2>&1", "out"),
    ):
        capfd.readouterr()
        assert ask(words) == 3
        assert getattr(capfd.readouterr(), stream) == "broken\n"
    (tmp_path / "breaks").unlink()
    assert ask(" cat | zfs receive -u   'vault/copies/packed' 2>&1", "packed") == 0
    assert ask(" false | zfs receive -u   'vault/copies/torn' 2>&1", "torn") == 1
    assert ask(f" cat | zfs receive -u   '{COPY}' 2>&1") == receive.REFUSED


def test_no_copy_is_ever_mounted_or_written_whatever_its_stream_says(
    ask: Ask, tmp_path: Path
) -> None:
    """What a stream brings for itself and below gives way to what the copies' dataset says."""
    assert ask(f"zfs receive -u '{COPY}'") == 0
    (tmp_path / "old").touch()
    assert ask(f"zfs receive -u '{COPY}'") == 0
    after = [f"inherit -r mountpoint {COPY}", f"inherit -r readonly {COPY}"]
    held = "-x mountpoint -x readonly -x volmode"
    asked = [line.partition(" ")[2] for line in _asked(tmp_path)]
    assert asked[:4] == ["version", f"receive {held} -u {COPY}", *after]
    assert asked[4:] == ["version", f"receive -u {COPY}", *after]


def test_one_receives_at_a_time_and_the_next_is_told(
    ask: Ask, enrolled: Box, capfd: pytest.CaptureFixture[str]
) -> None:
    """`ps` shows the receiver of this copy as syncoid looks for it, and no other program."""
    assert ask("ps -Ao args=") == 0
    assert capfd.readouterr().out == ""
    with receive._lock(enrolled.machine, COPY).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert ask("ps -Ao args=") == 0
        assert capfd.readouterr().out == f"zfs receive -u {COPY}\n"
        assert ask(f"zfs receive -u '{COPY}'") == 1
    assert ask(f"zfs receive -u '{COPY}'") == 0


@pytest.mark.usefixtures("own_process")
def test_the_tool_hands_the_session_over(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """No JSON on stdout, the verb's exit code; without a name it is wrong usage."""
    monkeypatch.setattr(receive, "receive", lambda _, name: len(name))
    assert __main__.main(["receive", "data"]) == 4
    assert capfd.readouterr().out == ""
    assert __main__.main(["receive"]) == 2
