"""The language host: a program's errors, surroundings and end, through the real engine."""

import pytest

from tests.pulumi_project import PulumiProject


def test_a_programs_error_is_told_once_and_fails_the_run(engine: PulumiProject) -> None:
    """`RunError` shows its text without a traceback; any other exception shows where it was."""
    engine.program("import pulumi\nraise pulumi.RunError('say this')")
    done = engine.up(check=False)
    assert done.code != 0
    assert done.text.partition("Diagnostics:")[2].count("say this") == 1
    assert "Traceback" not in done.text
    engine.program("def f():\n    raise ValueError('broken')\nf()")
    done = engine.up(check=False)
    assert done.code != 0
    assert "ValueError: broken" in done.text
    assert "in f" in done.text


def test_a_program_runs_as_main_in_its_folder(engine: PulumiProject) -> None:
    """It is `__main__`, imports its neighbours, and reads configuration, secret or not."""
    (engine.directory / "neighbour.py").write_text("WORD = 'next door'\n")
    engine.config({"plain": "p"})
    engine.config({"hidden": "canary-5151"}, secret=True)
    engine.program("""
        import os, threading, pulumi, neighbour
        config = pulumi.Config()
        pulumi.export("main", __name__)
        pulumi.export("thread", threading.current_thread() is threading.main_thread())
        pulumi.export("word", neighbour.WORD)
        pulumi.export("folder", os.getcwd())
        pulumi.export("plain", config.require("plain"))
        pulumi.export("hidden", config.require_secret("hidden"))
        """)
    shown = engine.up().text
    assert engine.outputs() == {
        "main": "__main__",
        "thread": True,
        "word": "next door",
        "folder": str(engine.directory),
        "plain": "p",
        "hidden": "canary-5151",
    }
    assert "canary-5151" not in shown + engine.state_text()


def test_exit_handlers_run_when_the_program_ends(engine: PulumiProject) -> None:
    """Each run is a process of its own: what a program registered for its end happens then."""
    engine.program("""
        import atexit, pathlib
        atexit.register(lambda: pathlib.Path("ended").write_text("yes"))
        """)
    engine.up()
    assert (engine.directory / "ended").read_text() == "yes"


@pytest.mark.parametrize("heard", ["SIGINT", "SIGTERM", "both", "none"])
def test_the_end_of_a_failed_program_shows_nothing_of_the_host(
    engine: PulumiProject, heard: str
) -> None:
    """A resource fails while the program waits: whatever it does on a signal, only that is told.

    The engine sends SIGINT to the host and the program, the host SIGTERM to the program.
    """
    taken = {"none": [], "both": ["SIGINT", "SIGTERM"]}.get(heard, [heard])
    engine.program(f"""
        import asyncio, os, signal, time
        import pulumi
        from pulumi_command import local

        def slowly(*_):
            time.sleep(1)
            os._exit(1)

        async def wait(_):
            await asyncio.sleep(60)

        for name in {taken}:
            signal.signal(getattr(signal, name), slowly)
        pulumi.Output.from_input(1).apply(wait)
        local.Command("fails", create="exit 3")
        """)
    done = engine.up(check=False)
    assert done.code != 0
    assert "exited with status 3" in done.text or "exit status 3" in done.text
    assert "Traceback" not in done.text


def test_the_virtual_environment_of_the_project_is_used(engine: PulumiProject) -> None:
    """A `virtualenv` without an interpreter is an error that names it and the way out."""
    (engine.directory / "Pulumi.yaml").write_text(
        "name: throwaway\nruntime: {name: python, options: {virtualenv: no-such}}\n"
    )
    done = engine.up(check=False)
    assert done.code != 0
    assert "no-such" in done.text
