"""nginx shows its page on management and hands on what the declaration names, nothing else."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backplane.declaration import parse
from backplane.plan import Plan, plan
from backplane.role_rules import PROXY_PATTERN
from backplane.roles import ROLES, Parts, nginx
from backplane.roles.base import at
from tests.core import example, golden, tools

PROXIES = {
    "grafana": {"to": "http://127.0.0.1:3000"},
    "files": {"to": "http://[fd12:3456:789a:101::2]/share/"},
}
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


def _mesh(proxies: dict[str, dict[str, str]]) -> Plan:
    raw = example.raw()
    raw["sites"]["fsn"]["nodes"]["fsn-a"]["roles"] = ["nginx"]
    return plan(parse({**raw, "nginx": {"proxies": proxies}}), project="x", stack="y")


def _parts(mesh: Plan) -> Parts:
    make = ROLES["nginx"].parts
    assert make is not None
    return make(mesh, mesh.node("fsn-a"))


def test_with_proxies_it_reads_as_looked_at() -> None:
    """One that has a path of its own and one that has none; both on the page."""
    for path, text in _parts(_mesh(PROXIES)).files.items():
        golden.compare(f"nginx/{path}", text)


@given(st.dictionaries(NAMES, st.from_regex(PROXY_PATTERN, fullmatch=True)))
def test_nothing_that_is_declared_gets_out_of_its_place(proxies: dict[str, str]) -> None:
    """Whatever a name and a URL may be, each is one location with one line, and one link."""
    own = example.material().plan.node("fsn-a").addresses["management"]
    bare, text = nginx.config(own, {}), nginx.config(own, proxies)
    assert len(text.splitlines()) == len(bare.splitlines()) + 3 * len(proxies)
    found = re.findall(r"^ +location /(\S+)/ \{\n +proxy_pass (\S+)/;\n +\}$", text, re.MULTILINE)
    assert dict(found) == {name: url.rstrip("/") for name, url in proxies.items()}
    assert nginx.page("a", proxies).count("<li>") == len(proxies) + 1


def _local(parts: Parts, folder: Path, port: int) -> dict[str, str]:
    """The files as they are, but on this computer's own addresses and below a directory."""
    own = example.material().plan.node("fsn-a").addresses["management"]
    text = parts.files["nginx.conf"]
    for there, here in (
        (f"{own.v4}:8080;", f"127.0.0.1:{port};"),
        (f"[{own.v6}]:8080;", f"[::1]:{port};"),
        (at("nginx"), str(folder)),
    ):
        assert there in text
        text = text.replace(there, here)
    return {**parts.files, "nginx.conf": text}


def _write(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (folder / path).write_text(text, encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("damaged", [False, True])
def test_nginx_itself_judges_its_file(tmp_path: Path, *, damaged: bool) -> None:
    """Taken by the very command that a node runs; with a word misspelt, refused. Nothing stays."""
    parts = _parts(_mesh(PROXIES))
    tool = tools.need("nginx", package="nginx")
    files = _local(parts, tmp_path, _free_port())
    if damaged:
        files["nginx.conf"] = files["nginx.conf"].replace("stub_status", "stub_state")
    _write(tmp_path, files)
    ((shell, flag, script, path),) = parts.checks
    assert " nginx -t " in script
    script = script.replace(" nginx -t ", f" {tool} -t ")
    well, said = tools.accepts(shell, flag, script, path.replace("{}", str(tmp_path)))
    assert well is not damaged, said
    assert ("stub_state" in said) is damaged
    assert {one.name for one in tmp_path.iterdir()} == set(parts.files)


class _Upstream(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    def do_GET(self) -> None:
        """Tell path and headers; one path leads elsewhere."""
        moved = self.path.endswith("/moved")
        self.send_response(302 if moved else 200)
        if moved:
            at = cast("HTTPServer", self.server).server_port
            self.send_header("Location", f"http://127.0.0.1:{at}/base/there")
        self.end_headers()
        self.wfile.write(f"{self.path}\n{self.headers}".encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
        """Say nothing."""


@contextmanager
def _upstream() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Upstream) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@contextmanager
def _running(folder: Path, upstream: int) -> Iterator[int]:
    """The real nginx, with the role's files, in one process of this user's."""
    port = _free_port()
    mesh = _mesh(
        {
            "it": {"to": f"http://127.0.0.1:{upstream}/base"},
            "gone": {"to": f"http://127.0.0.1:{_free_port()}"},
        }
    )
    _write(folder, _local(_parts(mesh), folder, port))
    words = ["-e", "stderr", "-p", folder, "-c", folder / "nginx.conf", "-g", "master_process off;"]
    tool = tools.need("nginx", package="nginx")
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen([tool, *map(str, words)], stderr=said)
    try:
        end = time.monotonic() + 10
        while _asks(port) is None:
            assert process.poll() is None, (folder / "said").read_text()
            assert time.monotonic() < end
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


def _asks(port: int, host: str = "127.0.0.1") -> bool | None:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except ConnectionRefusedError:
        return None


def _get(port: int, path: str, host: str = "127.0.0.1") -> tuple[HTTPResponse, str]:
    asked = HTTPConnection(host, port, timeout=10)
    asked.request("GET", path, headers={"X-Forwarded-For": "6.6.6.6", "Upgrade": "websocket"})
    answer = asked.getresponse()
    return answer, answer.read().decode()


def test_it_shows_its_page_and_hands_on_below_a_name(tmp_path: Path) -> None:
    """Over both families; where to and for whom is right; what nobody declared is not there."""
    with _upstream() as upstream, _running(tmp_path, upstream) as port:
        for host in ("127.0.0.1", "::1"):
            answer, text = _get(port, "/", host)
            assert (answer.status, answer.headers.get_content_type()) == (200, "text/html")
            assert '<a href="/it/">it</a>' in text
        assert "Active connections" in _get(port, "/-/status")[1]
        for path in ("/other", "/index.html", "/nginx.conf", "/-/", "/its/"):
            assert _get(port, path)[0].status == 404, path
        assert _get(port, "/gone/")[0].status == 502
        asked, *headers = _get(port, "/it/a?b=c")[1].splitlines()
        assert asked == "/base/a?b=c"
        assert {
            f"Host: 127.0.0.1:{port}",
            "X-Forwarded-For: 127.0.0.1",
            "Upgrade: websocket",
            "Connection: upgrade",
        } <= set(headers)
        assert _get(port, "/it")[0].headers["Location"] == "/it/"
        assert _get(port, "/it/moved")[0].headers["Location"] == "/it/there"
