"""The stand-in for `command:local:Command`, through the real engine."""

import signal
import subprocess
import time
from pathlib import Path

from tests.pulumi_project import PulumiProject

HEAD = "import pulumi\nfrom pulumi_command import local\n"


def test_each_verb_runs_its_own_text(engine: PulumiProject, tmp_path: Path) -> None:
    """Create runs once, any changed input runs `update`, removal runs `delete` with old output."""
    log = tmp_path / "log"
    create = f"cat >> {log}; echo made"
    update = f"echo updated:$PULUMI_COMMAND_STDOUT >> {log}; echo again"
    delete = f"echo deleted:$PULUMI_COMMAND_STDOUT >> {log}"
    fields = f"create={create!r}, update={update!r}, delete={delete!r}"
    engine.program(f"{HEAD}c = local.Command('c', {fields}, stdin='one\\n')")
    assert engine.steps() == {"c": "create"}
    assert not log.exists(), "a preview runs nothing"
    engine.up()
    assert log.read_text() == "one\n"
    assert engine.resources()["c"]["outputs"]["stdout"] == "made"
    assert engine.steps() == {}, "nothing changed, nothing runs"
    engine.program(f"{HEAD}c = local.Command('c', {fields}, stdin='two\\n')")
    assert engine.detail("c") == {"stdin": "update"}
    engine.up()
    assert log.read_text() == "one\nupdated:made\n"
    engine.program(HEAD)
    engine.up()
    assert log.read_text() == "one\nupdated:made\ndeleted:again\n"


def test_create_serves_updates_where_there_is_no_update(
    engine: PulumiProject, tmp_path: Path
) -> None:
    """Without `update` a changed input, the text of `delete` included, runs `create` again."""
    log = tmp_path / "log"
    engine.program(f"{HEAD}local.Command('c', create='echo ran >> {log}', delete='true')")
    engine.up()
    engine.program(f"{HEAD}local.Command('c', create='echo ran >> {log}', delete='exit 0')")
    engine.up()
    assert log.read_text() == "ran\nran\n"


def test_triggers_replace_and_make_before_they_delete(
    engine: PulumiProject, tmp_path: Path
) -> None:
    """A changed trigger replaces: the new `create` runs before the old `delete`."""
    log = tmp_path / "log"
    source = (
        f"{HEAD}local.Command('c', create='echo create-%d >> {log}',"
        f" delete='echo delete-%d >> {log}', triggers=[%d])"
    )
    engine.program(source % (1, 1, 1))
    engine.up()
    engine.program(source % (2, 2, 2))
    assert engine.detail("c")["triggers[0]"] == "update-replace"
    engine.up()
    assert log.read_text() == "create-1\ncreate-2\ndelete-1\n"


def test_a_failure_tells_command_and_output_and_is_not_recorded(engine: PulumiProject) -> None:
    """The error holds exit status, command and output; the same program then runs again."""
    engine.program(f"{HEAD}local.Command('c', create='echo so; echo what >&2; exit 3')")
    done = engine.up(check=False)
    assert done.code != 0
    assert 'exit status 3: running "echo so; echo what >&2; exit 3":' in done.text
    assert "so\n" in done.text
    assert "what\n" in done.text
    assert "c" not in engine.resources()
    assert engine.steps() == {"c": "create"}


def test_a_failed_update_keeps_the_old_state(engine: PulumiProject) -> None:
    """After an update that failed, the old inputs stand, so the update is tried again."""
    engine.program(f"{HEAD}local.Command('c', create='echo fine')")
    engine.up()
    engine.program(f"{HEAD}local.Command('c', create='exit 1')")
    assert engine.up(check=False).code != 0
    assert engine.resources()["c"]["inputs"]["create"] == "echo fine"
    assert engine.steps() == {"c": "update"}


def test_surroundings_are_as_declared(engine: PulumiProject, tmp_path: Path) -> None:
    """Directory, interpreter, environment, assets and archive take effect; excludes exclude."""
    work = tmp_path / "work"
    (work / "deep").mkdir(parents=True)
    for name in ("a.txt", "b.txt", "deep/c.txt"):
        (work / name).write_text(name)
    engine.program(f"""
        {HEAD.splitlines()[0]}
        from pulumi_command import local
        c = local.Command("c", dir={str(work)!r}, interpreter=["/bin/bash", "-c"],
            create="[[ $WORD == hi ]] && pwd && echo new > made.txt", environment={{"WORD": "hi"}},
            asset_paths=["*.txt", "!b.txt"], archive_paths=["**/*.txt"])
        pulumi.export("stdout", c.stdout)
        pulumi.export("assets", c.assets.apply(lambda a: sorted(a)))
        pulumi.export("archive", c.archive.apply(lambda a: sorted(a.assets)))
        """)
    engine.up()
    outputs = engine.outputs()
    assert outputs["stdout"] == str(work)
    assert outputs["assets"] == ["a.txt", "made.txt"]
    assert outputs["archive"] == ["deep/c.txt"]


def test_a_secret_stdin_stays_secret(engine: PulumiProject, tmp_path: Path) -> None:
    """Secret input reaches the process, and neither state nor displays; plain input is shown."""
    target = tmp_path / "got"
    engine.program(f"""
        import pulumi
        from pulumi_command import local
        local.Command("c", create="cat > {target}", stdin=pulumi.Output.secret("canary-7713"),
            opts=pulumi.ResourceOptions(additional_secret_outputs=["stdout"]))
        local.Command("plain", create="true", stdin="no-secret-4242")
        """)
    previewed = engine.run("preview", "--diff").text
    shown = engine.up("--diff").text
    assert target.read_text() == "canary-7713"
    assert "canary-7713" not in engine.state_text() + previewed + shown
    assert "no-secret-4242" in engine.state_text()
    assert engine.resources(show_secrets=True)["c"]["inputs"]["stdin"]["plaintext"] == (
        '"canary-7713"'
    )
    assert engine.steps() == {}


def test_logging_shows_what_it_names(engine: PulumiProject) -> None:
    """`none` shows nothing and `stderr` only that stream; a long line hangs nothing."""
    engine.program(f"""
        {HEAD.splitlines()[0]}
        from pulumi_command import local
        say = "echo out-$N; echo err-$N >&2"
        local.Command("a", create=say, environment={{"N": "a"}}, logging="none")
        local.Command("b", create=say, environment={{"N": "b"}}, logging="stderr")
        local.Command("c", create=say, environment={{"N": "c"}})
        local.Command("d", create="head -c 200000 /dev/zero | tr '\\\\0' x", logging="none")
        """)
    shown = engine.up().text
    assert "err-b" in shown
    assert "out-c" in shown
    assert "err-c" in shown
    for absent in ("out-a", "err-a", "out-b"):
        assert absent not in shown
    assert len(engine.resources()["d"]["outputs"]["stdout"]) == 200000


def test_a_command_outlives_a_killed_engine_by_its_own_end_only(
    engine: PulumiProject, tmp_path: Path
) -> None:
    """After kill -9 of the engine a running command ends its work, and the plugin ends then."""
    started, ended, plugin = tmp_path / "started", tmp_path / "ended", tmp_path / "plugin"
    text = f"echo $PPID > {plugin}; touch {started}; sleep 4; touch {ended}"
    engine.program(f"{HEAD}local.Command('c', create={text!r}, logging='none')")
    process = subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"],
        cwd=engine.directory, env=engine.env,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 60
    while not started.exists():
        assert time.monotonic() < until, "the command never began"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not ended.exists()
    number = int(plugin.read_text())
    until = time.monotonic() + 30
    while Path(f"/proc/{number}").exists():
        assert time.monotonic() < until, f"plugin {number} stays for ever"
        time.sleep(0.2)
    assert ended.exists()
