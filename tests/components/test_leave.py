"""How the program leaves when the engine ends it."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, signal
from components.leave import leave_by

# As the engine starts a program, whatever this test was started by.
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

leave_by(lambda: print("left", flush=True))

async def work():
    print("at work", flush=True)
    await asyncio.sleep(60)

asyncio.run(work())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_program_without_a_word(number: signal.Signals) -> None:
    """The tunnel is left, exit code 1, and no traceback hides what the engine has to say."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "at work\n"
        program.send_signal(number)
        said, trouble = program.communicate(timeout=30)
    assert (said, trouble, program.returncode) == ("left\n", "", 1)
