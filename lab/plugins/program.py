"""Runs one Pulumi program in a process of its own; started by the language host beside it.

The engine's request comes in on stdin, its answer goes out through a file descriptor named in the
arguments. Only the Pulumi SDK is imported, so that any project's interpreter can run this file.
"""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2


def main() -> None:
    """Run `<entry point> <descriptor>`; every error has been shown by then, so the answer bails."""
    entry, descriptor = Path(sys.argv[1]), int(sys.argv[2])
    request = language_pb2.RunRequest.FromString(sys.stdin.buffer.read())
    script = entry / "__main__.py" if entry.is_dir() else entry
    sys.path[0] = str(script.parent)
    sys.argv = [str(script), *sys.argv[3:]]

    def program() -> None:
        runpy.run_path(str(script), run_name="__main__")

    run: Callable[..., language_pb2.RunResponse] = LanguageServer(program).Run
    answer = run(request, None)
    if answer.error:
        answer = language_pb2.RunResponse(bail=True)
    with open(descriptor, "wb") as pipe:
        pipe.write(answer.SerializeToString())


if __name__ == "__main__":
    main()
