"""Runs one Pulumi program in a process of its own; started by the language host beside it.

The engine's request comes in on stdin, its answer goes out through a file descriptor named in the
arguments. Only the Pulumi SDK is imported, so that any project's interpreter can run this file.
"""

import gc
import runpy
import signal
import sys
from collections.abc import Callable
from pathlib import Path


def main() -> None:
    """Run `<entry point> <descriptor> <engine's address> <argument>…`.

    Every error has been shown at the end, so the answer bails.
    """
    # The engine ends a host by SIGINT to its whole group. As an exception it would come up in
    # whatever runs just then, and be told as a failure of the program's own, with a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # The collector finds nothing while the SDK loads, nor in the SDK when all is over.
    gc.disable()
    from pulumi.automation._server import LanguageServer  # noqa: PLC0415  after the line above
    from pulumi.runtime.proto import language_pb2  # noqa: PLC0415  likewise

    gc.freeze()
    gc.enable()
    entry, descriptor = Path(sys.argv[1]), int(sys.argv[2])
    request = language_pb2.RunRequest.FromString(sys.stdin.buffer.read())
    # The SDK's server expects the engine's address where the engine puts user arguments.
    del request.args[:]
    request.args.append(sys.argv[3])
    script = entry / "__main__.py" if entry.is_dir() else entry
    sys.path[0] = str(script.parent)
    sys.argv = [str(script), *sys.argv[4:]]

    def program() -> None:
        runpy.run_path(str(script), run_name="__main__")

    run: Callable[..., language_pb2.RunResponse] = LanguageServer(program).Run
    answer = run(request, None)
    if answer.error:
        answer = language_pb2.RunResponse(bail=True)
    with open(descriptor, "wb") as pipe:
        pipe.write(answer.SerializeToString())
    gc.freeze()


if __name__ == "__main__":
    main()
