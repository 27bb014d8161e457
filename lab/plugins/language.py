"""Stand-in for Pulumi's Python language host: runs a project's program for the engine.

Each `Run` is a process of its own, as in the official host, so that a program's main thread,
signals and exit handlers are its own. The engine starts a host twice in every preview; so this one
takes its few messages apart by hand, and hands on the one it does not need to read.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeAlias

import grpc

from lab.plugins.ending import settled
from lab.plugins.lean import loaded
from lab.plugins.pack import served
from lab.plugins.release import release
from lab.plugins.wire import Message, text

Call: TypeAlias = grpc.aio.ServicerContext
_PROGRAM = Path(__file__).with_name("program.py")
_SERVICE = "pulumirpc.LanguageRuntime"
_GRACE = 5.0
"""Seconds that a program gets to end when the engine ends its host."""
# The engine's own limit for one message (Pulumi SDK, rpcutil).
_BYTES = 400 * 1024 * 1024
_OPTIONS = [("grpc.max_receive_message_length", _BYTES), ("grpc.max_send_message_length", _BYTES)]


class Host:
    """The engine's calls to a language; field numbers from the Pulumi SDK's `language.proto`."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._programs: set[asyncio.subprocess.Process] = set()

    def end(self) -> None:
        """End every program that runs; the engine's calls that wait for one are then answered."""
        for program in self._programs:
            with contextlib.suppress(ProcessLookupError):
                program.terminate()

    def handlers(self) -> grpc.GenericRpcHandler:
        """What this host answers, from raw message to raw message."""
        answers = {
            "About": self._about,
            "Cancel": self._nothing,
            "GetPluginInfo": self._info,
            "GetRequiredPackages": self._nothing,
            "GetRequiredPlugins": self._nothing,
            "Handshake": self._handshake,
            "Run": self._run,
        }
        return grpc.method_handlers_generic_handler(
            _SERVICE,
            {
                **{name: grpc.unary_unary_rpc_method_handler(one) for name, one in answers.items()},
                "RunPlugin": grpc.unary_stream_rpc_method_handler(self._run_plugin),
            },
        )

    async def _handshake(self, request: bytes, context: Call) -> bytes:
        del context
        self._engine = Message(request).text(1) or self._engine
        return b""

    async def _info(self, request: bytes, context: Call) -> bytes:
        del request, context
        return text(1, release("pulumi"))

    async def _about(self, request: bytes, context: Call) -> bytes:
        del request, context
        version = ".".join(map(str, sys.version_info[:3]))
        return text(1, sys.executable) + text(2, version)

    async def _nothing(self, request: bytes, context: Call) -> bytes:
        del request, context
        return b""

    async def _run_plugin(self, data: bytes, context: Call) -> AsyncIterator[bytes]:
        request = Message(data)
        if request.text(6) != "analyzer":
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "this stand-in runs policy packs")
        try:
            python = _interpreter(request.message(5))
        except FileNotFoundError as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        async for part in served(python, request, self._programs):
            yield part

    async def _run(self, data: bytes, context: Call) -> bytes:
        del context
        request = Message(data)
        info = request.message(14)
        try:
            python = _interpreter(info)
        except FileNotFoundError as error:
            return text(1, str(error))
        entry = Path(info.text(2)) / (info.text(3) or ".")
        arguments = [one.decode() for one in request.parts(5)]
        reader, writer = os.pipe()
        child = await asyncio.create_subprocess_exec(
            python, "-u", str(_PROGRAM), str(entry), str(writer), self._engine, *arguments,
            cwd=request.text(3) or None, stdin=asyncio.subprocess.PIPE, pass_fds=(writer,),
        )  # fmt: skip
        os.close(writer)
        self._programs.add(child)
        try:
            answer, _ = await asyncio.gather(
                asyncio.to_thread(_drain, reader), child.communicate(data)
            )
        finally:
            self._programs.discard(child)
            if child.returncode is None:
                child.terminate()
        if child.returncode != 0:
            return text(1, f"the program ended with exit code {child.returncode}")
        return answer


def _drain(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as pipe:
        return pipe.read()


def _interpreter(info: Message) -> str:
    """The Python of the project's `virtualenv` option, or this host's own.

    Raises:
        FileNotFoundError: the option names a place without an interpreter.
    """
    # `options` is a Struct: pairs of a name and a Value, whose third kind is text.
    options = {pair.text(1): pair.message(2) for pair in map(Message, info.message(4).parts(1))}
    if "virtualenv" not in options:
        return sys.executable
    home = Path(info.text(1)) / options["virtualenv"].text(3)
    python = home / "bin" / "python"
    if not python.exists():
        raise FileNotFoundError(
            f"Pulumi.yaml names the virtual environment {home}, where no bin/python is. "
            "Fix: run the set-up (`make help`), or correct runtime.options.virtualenv"
        )
    return str(python)


async def _serve(engine: str) -> None:
    server = grpc.aio.server(options=_OPTIONS)
    host = Host(engine)
    server.add_generic_rpc_handlers((host.handlers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    loaded()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    orphan = asyncio.create_task(_end_when_orphaned(ended))
    await ended.wait()
    orphan.cancel()
    # A call that the server itself cuts off would leave a traceback among Pulumi's messages.
    host.end()
    await server.stop(grace=_GRACE)
    await settled(_GRACE)


async def _end_when_orphaned(ended: asyncio.Event) -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110  the kernel tells nobody
        await asyncio.sleep(1)
    ended.set()


def main() -> None:
    """Serve until the engine ends; it passes its own address as the last argument."""
    parser = argparse.ArgumentParser(
        prog="pulumi-language-python",
        description="Stand-in for Pulumi's Python language host; started by the engine.",
    )
    parser.add_argument("engine", nargs="?", default="", help="the engine's address")
    known, _ = parser.parse_known_args()
    asyncio.run(_serve(known.engine))


if __name__ == "__main__":
    main()
