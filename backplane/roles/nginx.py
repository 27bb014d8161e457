"""The nginx role: a page for admins on management, which hands on to what the declaration names.

Plain HTTP, inside the encrypted plane; everybody on the plane may ask. 8443 stays shut: it would
need a certificate, and nothing here makes or renews one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from backplane import planes
from backplane.addressing import Address
from backplane.roles import units
from backplane.roles.base import Parts, Role, at

if TYPE_CHECKING:
    from backplane.plan import Plan, PlanNode

NAME = "nginx"
PORT = 8080
CONFIG, PAGE = "nginx.conf", "index.html"
# No declared name begins so.
STATUS = "/-/status"
_SLOT = planes.MANAGEMENT.slot
_STATE = "backplane-nginx"

# Relative paths are below the prefix that nginx is started with.
_MAIN = """\
daemon off;
pid nginx.pid;
error_log stderr;

events {}

http {
    server_tokens off;
    access_log syslog:server=unix:/dev/log,nohostname;
    client_body_temp_path body;
    fastcgi_temp_path fastcgi;
    proxy_temp_path proxy;
    scgi_temp_path scgi;
    uwsgi_temp_path uwsgi;

    map $http_upgrade $upgraded {
        default upgrade;
        "" "";
    }
"""

_SERVER = f"""\
        absolute_redirect off;
        client_max_body_size 64m;
        proxy_http_version 1.1;
        proxy_set_header Connection $upgraded;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto http;

        location / {{
            return 404;
        }}
        location = / {{
            root {at(NAME)};
            try_files /{PAGE} =404;
        }}
        location = {STATUS} {{
            stub_status;
        }}
"""

# A configuration is judged by nginx as it would start: it makes its directories then, here in one
# that goes again.
_CHECK = (
    'at=$(mktemp -d) || exit 1; nginx -t -q -e stderr -p "$at" -c "$0"; code=$?; '
    'rm -rf "$at"; exit "$code"'
)


def config(own: Address, proxies: Mapping[str, str]) -> str:
    """nginx.conf.

    Args:
        own: the node's addresses on the plane.
        proxies: by name, the URL that stands for what is below /NAME/.
    """
    lines = [f"        listen {own.v4}:{PORT};", f"        listen [{own.v6}]:{PORT};"]
    text = _MAIN + "\n    server {\n" + "".join(f"{line}\n" for line in lines) + _SERVER
    for name, url in sorted(proxies.items()):
        target = url.rstrip("/")
        text += f"        location /{name}/ {{\n            proxy_pass {target}/;\n        }}\n"
    return text + "    }\n}\n"


def page(node: str, proxies: Mapping[str, str]) -> str:
    """The first page: what else there is. Names of a declaration need no escaping."""
    links = [f'<li><a href="/{name}/">{name}</a></li>' for name in sorted(proxies)]
    lines = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{node}</title></head><body>',
        f"<h1>{node}</h1>",
        "<ul>",
        *links,
        f'<li><a href="{STATUS}">status of nginx</a></li>',
        "</ul>",
        "</body></html>",
    ]
    return "".join(f"{line}\n" for line in lines)


def _parts(plan: Plan, node: PlanNode) -> Parts:
    daemon = units.service(
        about="Backplane's nginx, on the management plane",
        start=f"/usr/sbin/nginx -e stderr -p /var/lib/{_STATE} -c {at(NAME, CONFIG)}",
        slots=[_SLOT],
        user="www-data",
        state=_STATE,
    )
    return Parts(
        files={
            CONFIG: config(node.addresses[_SLOT], plan.proxies),
            PAGE: page(node.name, plan.proxies),
        },
        units={"backplane-nginx.service": daemon},
        checks=(("sh", "-c", _CHECK, f"{{}}/{CONFIG}"),),
    )


ROLE = Role(
    name=NAME,
    listens=((_SLOT, "tcp", PORT),),
    packages=("nginx",),
    shut=("nginx.service",),
    parts=_parts,
)
