"""The tool's entry: `backplane-node VERB`, a request on stdin, one JSON line on stdout."""

import importlib
import json
import os
import signal
import sys
from typing import Any

from node.errors import Refused, mask
from node.machine import Machine

# Verb -> module, function, what it reads: `json` (an object or nothing), `text` (a bundle), `lines`
# (one after the other, answered as they come), the name of the field that its argument fills, or
# `session`: the argument, and then stdin and stdout are its own.
VERBS: dict[str, tuple[str, str, str]] = {
    "enroll": ("node.enroll", "enroll", "text"),
    "stage": ("node.staging", "stage", "text"),
    "status": ("node.questions", "status", "json"),
    "clock": ("node.questions", "clock", "lines"),
    "lease": ("node.verbs", "take_lease", "json"),
    "release": ("node.verbs", "release", "json"),
    "arm": ("node.verbs", "arm", "json"),
    "prepare": ("node.verbs", "prepare", "json"),
    "flip": ("node.verbs", "flip", "json"),
    "check": ("node.questions", "check", "json"),
    "confirm": ("node.verbs", "confirm", "json"),
    "rollback": ("node.verbs", "rollback", "json"),
    "drift": ("node.drift", "drift", "json"),
    "inspect": ("node.questions", "inspect", "json"),
    "probe": ("node.questions", "probe", "json"),
    "expire": ("node.verbs", "expire", "unit"),
    "members": ("node.watch", "run", "json"),
    "peers": ("node.membership", "known", "json"),
    "hold": ("node.membership", "hold", "json"),
    "metrics": ("node.metrics", "metrics", "json"),
    "audited": ("node.audited", "audited", "json"),
    "names": ("node.names", "names", "json"),
    "register": ("node.names", "register", "json"),
    "nameless": ("node.names", "nameless", "json"),
    "kernel-log": ("node.kernel_log", "kernel_log", "json"),
    "pools": ("node.pools", "pools", "json"),
    "replication": ("node.replication", "replication", "json"),
    "receive": ("node.receive", "receive", "session"),
    "frr": ("node.frr", "frr", "json"),
    "segments": ("node.segments", "segments", "json"),
    "segments-end": ("node.segments", "end", "json"),
    "shape": ("node.traffic", "shape", "json"),
    "unshape": ("node.traffic", "unshape", "json"),
    "routes": ("node.routing", "run", "json"),
    "routes-end": ("node.retiring", "end", "json"),
    "drain": ("node.drain", "drain", "json"),
    "undrain": ("node.drain", "undrain", "json"),
    "routing": ("node.drain", "routing", "json"),
    "takeover-tunnel": ("node.takeover", "tunnel", "json"),
    "takeover-trial": ("node.takeover", "try_sshd", "json"),
    "takeover-close": ("node.takeover", "close", "json"),
    "takeover-keep": ("node.takeover", "keep", "json"),
    "takeover-undo": ("node.takeover", "undo", "json"),
    "takeover-expire": ("node.takeover", "expire", "unit"),
    "give-back-open": ("node.giveback", "open_again", "json"),
    "give-back-keep": ("node.giveback", "keep", "json"),
    "give-back-undo": ("node.giveback", "undo", "json"),
    "give-back-expire": ("node.giveback", "expire", "unit"),
    "leave": ("node.giveback", "leave", "json"),
    "finish-enroll": ("node.enroll", "finish", "json"),
}
_NAMED = {"unit", "session"}
"""What is read is the argument behind the verb."""

_USAGE = 2


def main(argv: list[str] | None = None) -> int:
    """Run one verb.

    Args:
        argv: Arguments behind the program's name; the process's own when None.

    Returns:
        0 when done, 1 when refused (``{"error", "fix"}`` on stdout), 2 for wrong usage.
    """
    arguments = sys.argv[1:] if argv is None else argv
    if arguments in (["--help"], ["help"]):
        print(f"usage: backplane-node VERB < request\nverbs: {' '.join(VERBS)}")
        return 0
    entry = VERBS.get(arguments[0]) if arguments else None
    if entry is None or len(arguments) != 1 + (entry[2] in _NAMED):
        print(f"usage: backplane-node VERB < request\nverbs: {' '.join(VERBS)}", file=sys.stderr)
        return _USAGE
    os.umask(0o077)
    # The session that asked may die with the path it came by; what was begun is ended all the same.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if entry[2] == "session":
        return _session(entry, arguments[1])
    try:
        answer, code = _answer(entry, arguments), 0
    except Refused as refused:
        answer, code = {"error": refused.error, "fix": refused.fix}, 1
    except OSError as error:
        answer, code = _explain(error), 1
    except Exception as error:  # noqa: BLE001 - whatever it is, no traceback may show a secret
        answer, code = _confess(error), 1
    try:
        print(json.dumps(answer), flush=True)
    except BrokenPipeError:
        # Nobody listens any more; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _session(entry: tuple[str, str, str], name: str) -> int:
    """Run a verb that speaks another language than JSON with whoever asks, to its exit code."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        code: int = getattr(importlib.import_module(entry[0]), entry[1])(Machine(), name)
    except (Refused, OSError, ValueError, KeyError) as error:
        print(f"backplane: {mask(str(error))}", file=sys.stderr)
        return 1
    return code


def _answer(entry: tuple[str, str, str], arguments: list[str]) -> dict[str, Any]:
    module, function, kind = entry
    run = getattr(importlib.import_module(module), function)
    given: object
    if kind == "text":
        given = sys.stdin.read()
    elif kind == "lines":
        given = iter(sys.stdin.readline, "")
    elif kind == "json":
        given = _request(sys.stdin.read())
    else:
        given = {kind: arguments[1]}
    answer: dict[str, Any] = run(Machine(), given)
    return answer


def _request(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text) if text.strip() else {}
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Refused("the request is not a JSON object", "send one JSON object on stdin")
    return given


def _explain(error: OSError) -> dict[str, Any]:
    where = f" ({error.filename})" if error.filename else ""
    return {
        "error": mask(f"the machine refuses: {error.strerror or error}{where}"),
        "fix": "make room or mend the disk of the machine (`df`, `journalctl -k`), then try again",
    }


def _confess(error: Exception) -> dict[str, Any]:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
    return {
        "error": f"the tool met something it does not know: {type(error).__name__} at {where}",
        "fix": "tell the maintainers; a timer that is armed still undoes what is unconfirmed",
    }


if __name__ == "__main__":
    sys.exit(main())
