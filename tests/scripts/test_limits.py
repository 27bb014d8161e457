"""Clouds that are asked too often: our own questions wait and ask again, and then say so."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from components.clouds.aws_api import ATTEMPTS, Ec2, SilentError
from components.clouds.reading import UnreadableError
from components.clouds.reading_hetzner import Hetzner

NODES = 200
PAGE = 50
HETZNER_ATTEMPTS = 6


@dataclass
class Busy:
    """A cloud that refuses the first questions for being too many.

    Attributes:
        refusals: how many it still refuses.
        asked: paths, in order.
        waits: seconds that clients waited.
    """

    refusals: int
    asked: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def answer(self, path: str) -> tuple[int, str, str]:
        """Status, type and text."""
        self.asked.append(path)
        if self.refusals:
            self.refusals -= 1
            if path.startswith("/v1"):
                error = {"code": "rate_limit_exceeded", "message": "too many", "details": None}
                return 429, "application/json", json.dumps({"error": error})
            return 503, "text/xml", _THROTTLED
        if not path.startswith("/v1"):
            return 200, "text/xml", _OFFERED
        url = urlsplit(path)
        page = int(parse_qs(url.query).get("page", ["1"])[0])
        kind = url.path.rpartition("/")[2]
        total = NODES if kind == "servers" else 2
        last = -(-total // PAGE)
        paging = {
            "page": page,
            "per_page": PAGE,
            "previous_page": None,
            "next_page": page + 1 if page < last else None,
            "last_page": last,
            "total_entries": total,
        }
        first = (page - 1) * PAGE
        some = [_thing(kind, one) for one in range(first, min(total, first + PAGE))]
        return 200, "application/json", json.dumps({kind: some, "meta": {"pagination": paging}})


_THROTTLED = (
    "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded."
    "</Message></Error></Errors><RequestID>1</RequestID></Response>"
)
_OFFERED = (
    '<DescribeInstanceTypeOfferingsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
    "<instanceTypeOfferingSet><item><instanceType>t3.small</instanceType></item>"
    "</instanceTypeOfferingSet></DescribeInstanceTypeOfferingsResponse>"
)


def _thing(kind: str, number: int) -> dict[str, Any]:
    shared = {"id": number + 1, "name": f"n-{number}", "labels": {}}
    return {**shared, "rules": []} if kind == "firewalls" else shared


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Busy]]:
    """Makes one that refuses so many questions; nobody waits for real."""
    servers: list[ThreadingHTTPServer] = []

    def start(refusals: int) -> Busy:
        busy = Busy(refusals)

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, kind, text = busy.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = _answer  # noqa: N815 - the library's names

            def log_message(self, *_: object) -> None:
                """Nothing to the terminal."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = f"http://127.0.0.1:{server.server_port}"
        for name, value in {
            "HCLOUD_ENDPOINT": f"{at}/v1",
            "HCLOUD_TOKEN": "t" * 64,
            "AWS_ENDPOINT_URL": at,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "of-nobody",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("hcloud._client.time.sleep", busy.waits.append)
        monkeypatch.setattr("botocore.endpoint.time.sleep", busy.waits.append)
        return busy

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_drift_asks_hetzner_five_questions_at_200_nodes(cloud: Callable[[int], Busy]) -> None:
    """A page of firewalls and four of servers, of 3600 an hour."""
    busy = cloud(0)
    standing = Hetzner().read("prod", (), lambda _: None)
    assert len(standing.machines) == NODES
    assert len(busy.asked) == 1 + NODES // PAGE == 5
    assert busy.waits == []


def test_hetzner_is_asked_again_after_a_wait(cloud: Callable[[int], Busy]) -> None:
    """Longer each time; the same answer comes out."""
    busy = cloud(3)
    assert len(Hetzner().read("prod", (), lambda _: None).machines) == NODES
    assert len(busy.asked) == 8
    assert len(busy.waits) == 3
    assert all(wait >= 1 for wait in busy.waits)


def test_hetzner_that_goes_on_refusing_is_told(cloud: Callable[[int], Busy]) -> None:
    """After six questions it is no more asked, and nothing is taken for an empty cloud."""
    busy = cloud(100)
    with pytest.raises(UnreadableError, match="too many"):
        Hetzner().read("prod", (), lambda _: None)
    assert len(busy.asked) == HETZNER_ATTEMPTS


def test_aws_is_asked_again_after_a_wait(cloud: Callable[[int], Busy]) -> None:
    """Throttled four times, the fifth answer holds."""
    busy = cloud(ATTEMPTS - 1)
    assert Ec2("eu-central-1").types(["t3.small"]) == {"t3.small"}
    assert len(busy.asked) == ATTEMPTS
    assert len(busy.waits) == ATTEMPTS - 1


def test_aws_that_goes_on_throttling_is_told(cloud: Callable[[int], Busy]) -> None:
    """After so many questions the reason is said."""
    busy = cloud(100)
    with pytest.raises(SilentError, match="RequestLimitExceeded"):
        Ec2("eu-central-1").types(["t3.small"])
    assert len(busy.asked) == ATTEMPTS
