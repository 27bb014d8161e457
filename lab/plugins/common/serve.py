"""The process of a plugin: port on stdout, one announcement, an end when the engine ends."""

import argparse
import asyncio
import os
import signal
import sys
from contextlib import suppress

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2_grpc

from lab.plugins.common.resource import Provider
from lab.plugins.common.servicer import Servicer
from lab.plugins.ending import settled
from lab.plugins.lean import loaded

# The engine's own limit for one message (Pulumi SDK, rpcutil): states hold whole files.
_BYTES = 400 * 1024 * 1024
OPTIONS = [("grpc.max_receive_message_length", _BYTES), ("grpc.max_send_message_length", _BYTES)]

_SEVERITIES = {
    "debug": engine_pb2.DEBUG,
    "status": engine_pb2.INFO,
    "info": engine_pb2.INFO,
    "warning": engine_pb2.WARNING,
    "error": engine_pb2.ERROR,
}


class Display:
    """Lines for the engine's display; dropped in silence once the engine has gone."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address, options=OPTIONS) if address else None

    async def log(self, severity: str, message: str, urn: str = "") -> None:
        """Show one line beside `urn`, or for the whole run when that is empty.

        The severity `status` is shown for as long as it is true, and not kept.
        """
        if self._channel is None:
            return
        request = engine_pb2.LogRequest(
            severity=_SEVERITIES[severity],
            message=message,
            urn=urn,
            ephemeral=severity == "status",
        )
        with suppress(grpc.aio.AioRpcError):
            await engine_pb2_grpc.EngineStub(self._channel).Log(request)


def serve(provider: Provider) -> None:
    """Run the plugin until the engine ends it.

    The engine passes its own address as the only argument and reads the port from stdout.
    """
    parser = argparse.ArgumentParser(
        prog=f"pulumi-resource-{provider.name}",
        description=f"Stand-in for the Pulumi plugin '{provider.name}'; started by the engine.",
    )
    parser.add_argument("engine", nargs="?", default="", help="the engine's address")
    known, _ = parser.parse_known_args()
    asyncio.run(_serve(provider, known.engine))


async def _serve(provider: Provider, engine: str) -> None:
    display = Display(engine)
    servicer = Servicer(provider, display.log)
    server = grpc.aio.server(options=OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    loaded()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    # The engine speaks by SIGINT when a plugin shall end; it does so to the plugin's whole group.
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    orphan = asyncio.create_task(_end_when_orphaned(servicer, ended))
    await ended.wait()
    orphan.cancel()
    await servicer.cancel_all()
    await server.stop(grace=0.5)
    await settled(0.5)
    await provider.close()


async def _end_when_orphaned(servicer: Servicer, ended: asyncio.Event) -> None:
    """End once the engine is gone and what still runs is done.

    A killed engine must not cut a command in half, and its plugin must not stay for ever.
    """
    parent = os.getppid()
    while os.getppid() == parent or servicer.busy:  # noqa: ASYNC110  the kernel tells nobody
        await asyncio.sleep(1)
    ended.set()
