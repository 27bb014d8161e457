"""Stand-in for Pulumi's Python language host: runs a project's program for the engine.

Each `Run` is a process of its own, as in the official host, so that a program's main thread,
signals and exit handlers are its own.
"""

import argparse
import asyncio
import os
import signal
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from lab.plugins.common.serve import OPTIONS

Call: TypeAlias = grpc.aio.ServicerContext
_PROGRAM = Path(__file__).with_name("program.py")


class Host(language_pb2_grpc.LanguageRuntimeServicer):
    """The engine's calls to a language (Pulumi SDK, `language.proto`)."""

    def __init__(self, engine: str) -> None:
        self._engine = engine

    async def Handshake(  # noqa: N802, D102
        self, request: language_pb2.LanguageHandshakeRequest, context: Call
    ) -> language_pb2.LanguageHandshakeResponse:
        del context
        self._engine = request.engine_address or self._engine
        return language_pb2.LanguageHandshakeResponse()

    async def GetPluginInfo(  # noqa: N802, D102
        self, request: empty_pb2.Empty, context: Call
    ) -> plugin_pb2.PluginInfo:
        del request, context
        return plugin_pb2.PluginInfo(version=version("pulumi"))

    async def GetRequiredPlugins(  # noqa: N802, D102
        self, request: language_pb2.GetRequiredPluginsRequest, context: Call
    ) -> language_pb2.GetRequiredPluginsResponse:
        del request, context
        return language_pb2.GetRequiredPluginsResponse()

    async def GetRequiredPackages(  # noqa: N802, D102
        self, request: language_pb2.GetRequiredPackagesRequest, context: Call
    ) -> language_pb2.GetRequiredPackagesResponse:
        del request, context
        return language_pb2.GetRequiredPackagesResponse()

    async def About(  # noqa: N802, D102
        self, request: language_pb2.AboutRequest, context: Call
    ) -> language_pb2.AboutResponse:
        del request, context
        release = ".".join(map(str, sys.version_info[:3]))
        return language_pb2.AboutResponse(executable=sys.executable, version=release)

    async def Cancel(self, request: empty_pb2.Empty, context: Call) -> empty_pb2.Empty:  # noqa: N802, D102
        del request, context
        return empty_pb2.Empty()

    async def Run(  # noqa: N802, D102
        self, request: language_pb2.RunRequest, context: Call
    ) -> language_pb2.RunResponse:
        del context
        try:
            python = _interpreter(request.info)
        except FileNotFoundError as error:
            return language_pb2.RunResponse(error=str(error))
        entry = Path(request.info.program_directory) / (request.info.entry_point or ".")
        # The SDK's server expects the engine's address where the engine puts user arguments.
        user_arguments = list(request.args)
        del request.args[:]
        request.args.append(self._engine)
        reader, writer = os.pipe()
        child = await asyncio.create_subprocess_exec(
            python, "-u", str(_PROGRAM), str(entry), str(writer), *user_arguments,
            cwd=request.pwd or None, stdin=asyncio.subprocess.PIPE, pass_fds=(writer,),
        )  # fmt: skip
        os.close(writer)
        try:
            answer, _ = await asyncio.gather(
                asyncio.to_thread(_drain, reader), child.communicate(request.SerializeToString())
            )
        finally:
            if child.returncode is None:
                child.terminate()
        if child.returncode != 0:
            message = f"the program ended with exit code {child.returncode}"
            return language_pb2.RunResponse(error=message)
        response: language_pb2.RunResponse = language_pb2.RunResponse.FromString(answer)
        return response


def _drain(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as pipe:
        return pipe.read()


def _interpreter(info: language_pb2.ProgramInfo) -> str:
    """The Python of the project's `virtualenv` option, or this host's own.

    Raises:
        FileNotFoundError: the option names a place without an interpreter.
    """
    options = info.options.fields
    if "virtualenv" not in options:
        return sys.executable
    home = Path(info.root_directory) / options["virtualenv"].string_value
    python = home / "bin" / "python"
    if not python.exists():
        raise FileNotFoundError(
            f"Pulumi.yaml names the virtual environment {home}, where no bin/python is. "
            "Fix: run the set-up (`make help`), or correct runtime.options.virtualenv"
        )
    return str(python)


async def _serve(engine: str) -> None:
    server = grpc.aio.server(options=OPTIONS)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(Host(engine), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    orphan = asyncio.create_task(_end_when_orphaned(ended))
    await ended.wait()
    orphan.cancel()
    await server.stop(grace=0.5)


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
