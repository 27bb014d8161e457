"""WireGuard's messages in the kernel's log: switched on and off, and shown."""

from node.errors import Refused
from node.machine import Machine
from node.request import Answer, Request, ask

CONTROL = "/sys/kernel/debug/dynamic_debug/control"
_MODULE = "/sys/module/wireguard"
_LINES = 500
_SIGNS = {"on": "+p", "off": "-p"}


def kernel_log(machine: Machine, request: Request) -> Answer:
    """Switch the messages `on` or `off`, or `show` them.

    Returns:
        ``there``: whether WireGuard is a part of this kernel; ``text``: the log's lines about it.

    Raises:
        Refused: The kernel was built without dynamic debugging, or it is locked down.
    """
    switch = ask(request, "switch", str)
    if not machine.layout.at(_MODULE).exists():
        return {"there": False, "text": ""}
    if sign := _SIGNS.get(switch):
        path = machine.layout.at(CONTROL)
        try:
            with path.open("w", encoding="ascii") as control:
                control.write(f"module wireguard {sign}")
        except OSError as error:
            raise Refused(
                f"the kernel's messages cannot be switched {switch}: {error.strerror}",
                "it needs CONFIG_DYNAMIC_DEBUG, debugfs, and no lockdown (Secure Boot)",
            ) from error
    argv = ["journalctl", "-k", "-b", "--no-pager", "--output=short", f"--lines={_LINES}"]
    told = machine.commands.run([*argv, "--grep=wireguard", "--case-sensitive=false"])
    return {"there": True, "text": told.out}
