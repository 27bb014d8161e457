"""Run the lab's cloud API: `python -m lab.api --lab NAME --state FILE --listen ADDR:PORT …`."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from lab.api import routes_actions, routes_network, routes_private, routes_rest, routes_servers
from lab.api.app import TOKEN_LENGTH, application
from lab.api.cloud import Cloud
from lab.api.state import LAB_POOL, PAPER_POOL
from lab.api.store import Store
from lab.driver import Driver, PaperDriver

ENDPOINTS = (
    *routes_servers.ENDPOINTS,
    *routes_network.ENDPOINTS,
    *routes_private.ENDPOINTS,
    *routes_rest.ENDPOINTS,
    *routes_actions.ENDPOINTS,
)


def serve(cloud: Cloud, token: str) -> Starlette:
    """The whole API over this cloud."""
    return application(cloud, token, ENDPOINTS)


def _driver(lab: str, *, paper: bool) -> Driver:
    if paper:
        return PaperDriver()
    # Only here: on paper the API needs nothing of what machines need (Linux, root, nspawn).
    module = importlib.import_module("lab.machines.driver")
    driver: Driver = module.MachineDriver(lab=lab)
    return driver


def _token(path: Path) -> str:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except OSError as fault:
        raise SystemExit(f"{path}: the token cannot be read ({fault.strerror})") from fault
    if len(token) != TOKEN_LENGTH:
        raise SystemExit(f"{path}: the token must have {TOKEN_LENGTH} characters, not {len(token)}")
    return token


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.api", description=__doc__)
    parser.add_argument("--lab", required=True, help="name of the lab whose machines are driven")
    parser.add_argument("--state", required=True, type=Path, help="file that keeps the books")
    parser.add_argument("--listen", required=True, help="address and port, 127.0.0.1:8089")
    parser.add_argument("--token-file", required=True, type=Path, help="file with the API token")
    parser.add_argument("--paper", action="store_true", help="boot nothing; for scale runs")
    return parser.parse_args(arguments)


async def _run(options: argparse.Namespace, token: str) -> None:
    host, _, port = options.listen.rpartition(":")
    if not host or not port.isdecimal():
        raise SystemExit(f"--listen {options.listen}: give an address and a port, 127.0.0.1:8089")
    cloud = Cloud(
        Store(options.state),
        _driver(options.lab, paper=options.paper),
        PAPER_POOL if options.paper else LAB_POOL,
    )
    if options.paper:
        await cloud.replay()
    config = uvicorn.Config(
        serve(cloud, token),
        host=host.strip("[]"),
        port=int(port),
        log_config=None,
        access_log=False,
        lifespan="on",
    )
    await uvicorn.Server(config).serve()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal ends it; running effects are let finish first."""
    os.umask(0o077)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    options = _arguments(arguments)
    options.state.parent.mkdir(parents=True, exist_ok=True)
    asyncio.run(_run(options, _token(options.token_file)))


if __name__ == "__main__":
    main()
