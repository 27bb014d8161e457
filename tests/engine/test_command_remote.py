"""The stand-in for remote commands and copies, through the real engine and a real sshd."""

import time
from pathlib import Path

from tests.engine.conftest import Sshd, free_port, new_key
from tests.pulumi_project import PulumiProject

HEAD = "import pulumi\nfrom pulumi_command import remote\n"


def test_a_remote_command_lives_its_whole_life(
    engine: PulumiProject, sshd: Sshd, tmp_path: Path
) -> None:
    """Stdin arrives, output comes back, update and delete run there, no change runs nothing."""
    log = tmp_path / "log"
    fields = f"create='cat >> {log}; echo applied', delete='echo gone >> {log}'"
    options = "logging='none', add_previous_output_in_env=False"
    source = f"{HEAD}remote.Command('c', connection=%s, {fields}, {options}, stdin=%r)"
    engine.program(source % (sshd.connection(), "one\n"))
    assert engine.steps() == {"c": "create"}
    assert not log.exists(), "a preview dials nobody"
    engine.up()
    assert log.read_text() == "one\n"
    assert engine.resources()["c"]["outputs"]["stdout"] == "applied"
    assert engine.steps() == {}
    engine.program(source % (sshd.connection(), "two\n"))
    engine.up()
    assert log.read_text() == "one\ntwo\n"
    engine.destroy()
    assert log.read_text() == "one\ntwo\ngone\n"


def test_a_changed_connection_runs_the_command_again(
    engine: PulumiProject, sshd: Sshd, tmp_path: Path
) -> None:
    """Another dial limit alone is an update that runs `create`; the diff does not show the key."""
    log = tmp_path / "log"
    source = f"{HEAD}remote.Command('c', connection=%s, create='echo ran >> {log}')"
    engine.program(source % sshd.connection())
    engine.up()
    engine.program(source % sshd.connection(dial_error_limit=3))
    assert engine.steps() == {"c": "update"}
    assert engine.detail("c") == {"connection.dialErrorLimit": "update"}
    shown = engine.run("preview", "--diff").text + engine.state_text()
    assert "PRIVATE KEY" not in shown
    engine.up()
    assert log.read_text() == "ran\nran\n"


def test_only_the_pinned_host_key_is_taken(engine: PulumiProject, sshd: Sshd) -> None:
    """Another host key is refused before anything runs; without a pin any key is taken."""
    _, other = new_key()
    source = f"{HEAD}remote.Command('c', connection=%s, create='echo in')"
    engine.program(source % sshd.connection(host_key=other, dial_error_limit=0))
    done = engine.up(check=False)
    assert done.code != 0
    assert "after 1 failed attempts" in done.text
    assert "host key" in done.text.lower()
    assert "session opened" not in sshd.log.read_text()
    engine.program(source % sshd.connection(host_key=None))
    engine.up()
    assert engine.resources()["c"]["outputs"]["stdout"] == "in"


def test_dialling_ends_at_its_limit(engine: PulumiProject) -> None:
    """A refused port is dialled limit + 1 times with growing waits, and the error says so."""
    private, _ = new_key()
    engine.program(f"""
        import pulumi
        from pulumi_command import remote
        remote.Command("c", create="true", connection=remote.ConnectionArgs(
            host="127.0.0.1", port={free_port()}, private_key={private!r}, dial_error_limit=4))
        """)
    began = time.monotonic()
    done = engine.up(check=False)
    assert done.code != 0
    assert "after 5 failed attempts" in done.text
    # 0.1 + 0.15 + 0.225 + 0.3375 s of waiting at least
    assert time.monotonic() - began > 0.8


def test_an_unlimited_dial_ends_by_the_custom_timeout(engine: PulumiProject) -> None:
    """With -1 only the custom timeout ends it, and nothing is recorded."""
    engine.program(f"""
        import pulumi
        from pulumi_command import remote
        remote.Command("c", create="true", connection=remote.ConnectionArgs(
            host="127.0.0.1", port={free_port()}, password="x", dial_error_limit=-1),
            opts=pulumi.ResourceOptions(
                custom_timeouts=pulumi.CustomTimeouts(create="3s", update="3s")))
        """)
    done = engine.up(check=False)
    assert done.code != 0
    assert "not done within 3 s" in done.text
    assert "c" not in engine.resources()


def test_a_failed_command_tells_what_it_printed(engine: PulumiProject, sshd: Sshd) -> None:
    """Exit status, command and both streams stand in the error."""
    engine.program(
        f"{HEAD}remote.Command('c', connection={sshd.connection()},"
        " create='echo so; echo what >&2; exit 4')"
    )
    done = engine.up(check=False)
    assert 'Process exited with status 4: running "echo so; echo what >&2; exit 4":' in done.text
    assert "so\n" in done.text
    assert "what\n" in done.text


def test_environment_needs_the_servers_consent(engine: PulumiProject, sshd: Sshd) -> None:
    """A variable that AcceptEnv admits arrives; another one fails the resource by its name."""
    source = (
        f"{HEAD}remote.Command('c', connection={sshd.connection()},"
        " create='echo $TEST_A', environment={%r: 'hello'})"
    )
    engine.program(source % "TEST_A")
    engine.up()
    assert engine.resources()["c"]["outputs"]["stdout"] == "hello"
    engine.program(source % "OTHER")
    done = engine.up(check=False)
    assert done.code != 0
    assert "could not set environment variable 'OTHER'" in done.text


def test_a_jump_host_is_used(engine: PulumiProject, sshd: Sshd, tmp_path: Path) -> None:
    """With `proxy` the target is reached through it: two logins, one of them from the other."""
    target = tmp_path / "target"
    proxy = sshd.connection().replace("ConnectionArgs", "ProxyConnectionArgs")
    connection = sshd.connection()[:-1] + f", proxy={proxy})"
    engine.program(f"{HEAD}remote.Command('c', connection={connection}, create='echo > {target}')")
    engine.up()
    assert target.exists()
    assert sshd.log.read_text().count("Accepted publickey") == 2


def test_files_texts_and_directories_are_copied(
    engine: PulumiProject, sshd: Sshd, tmp_path: Path
) -> None:
    """Each kind of source lands where the official provider puts it; only content copies anew."""
    source, there = tmp_path / "source", tmp_path / "there"
    (source / "deep").mkdir(parents=True)
    there.mkdir()
    (source / "one").write_text("1")
    (source / "deep" / "two").write_text("2")
    program = f"""
        import pulumi
        from pulumi_command import remote
        connection = {sshd.connection()}
        def copy(name, source, path, limit=10):
            connection.dial_error_limit = limit
            remote.CopyToRemote(name, connection=connection, source=source, remote_path=path)
        copy("file", pulumi.FileAsset("{source}/one"), "{there}")
        copy("text", pulumi.StringAsset("hello"), "{there}/text", LIMIT)
        copy("tree", pulumi.FileArchive("{source}"), "{there}/tree")
        """
    engine.program(program.replace("LIMIT", "10"))
    engine.up()
    found = {p.relative_to(there).as_posix() for p in there.rglob("*") if p.is_file()}
    assert found == {"one", "text", "tree/source/one", "tree/source/deep/two"}
    assert engine.steps() == {}
    (there / "text").unlink()
    (source / "one").write_text("new")
    engine.program(program.replace("LIMIT", "7"))
    engine.up()
    assert (there / "one").read_text() == "new"
    assert not (there / "text").exists(), "a new connection alone copies nothing"
    engine.destroy()
    assert (there / "one").exists(), "deleting the resource deletes no file"
