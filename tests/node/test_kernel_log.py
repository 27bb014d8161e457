"""WireGuard's kernel messages are switched where there is something to switch, and shown."""

import pytest

from node import kernel_log
from node.commands import Result
from node.errors import Refused
from tests.node.model import Box


@pytest.fixture
def control(enrolled: Box, monkeypatch: pytest.MonkeyPatch) -> Box:
    """A machine whose kernel has WireGuard and dynamic debugging, and a log."""
    enrolled.layout.at("/sys/module/wireguard").mkdir(parents=True)
    path = enrolled.layout.at(kernel_log.CONTROL)
    path.parent.mkdir(parents=True)
    path.touch()

    def run(argv: list[str], *, stdin: str = "", timeout: float = 30) -> Result:
        assert argv[0] == "journalctl"
        assert "--grep=wireguard" in argv
        assert not stdin
        assert timeout
        return Result(code=0, out="wireguard: wg1: cookie\n", err="")

    monkeypatch.setattr(enrolled.machine.commands, "run", run)
    return enrolled


@pytest.mark.parametrize(("switch", "wrote"), [("on", "+p"), ("off", "-p"), ("show", None)])
def test_it_is_switched_and_shown(control: Box, switch: str, wrote: str | None) -> None:
    """On, off, or left as it is."""
    told = kernel_log.kernel_log(control.machine, {"switch": switch})
    assert told == {"there": True, "text": "wireguard: wg1: cookie\n"}
    text = control.layout.at(kernel_log.CONTROL).read_text()
    assert text == (f"module wireguard {wrote}" if wrote else "")


def test_without_the_module_there_is_nothing_to_switch(enrolled: Box) -> None:
    """WireGuard in user space tells the kernel nothing."""
    told = kernel_log.kernel_log(enrolled.machine, {"switch": "on"})
    assert told == {"there": False, "text": ""}


def test_a_kernel_that_cannot_be_switched_says_what_it_lacks(control: Box) -> None:
    """Built without dynamic debugging, or locked down."""
    control.layout.at(kernel_log.CONTROL).unlink()
    control.layout.at(kernel_log.CONTROL).mkdir()
    with pytest.raises(Refused, match="cannot be switched off") as told:
        kernel_log.kernel_log(control.machine, {"switch": "off"})
    assert "CONFIG_DYNAMIC_DEBUG" in told.value.fix
