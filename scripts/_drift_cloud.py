"""Asking each cloud of a stack once, and judging every site of it."""

from __future__ import annotations

from typing import Any

from components.clouds.readers import READERS
from components.clouds.reading import Standing, UnreadableError
from scripts._drift import HAND, finding, of_cloud
from scripts._stack import Stack, setting

Json = dict[str, Any]


def look(stack: Stack) -> list[Json]:
    """What differs in the clouds; one that cannot be asked is a finding of each of its sites."""
    sites = stack.outputs["plan"].get("sites")
    if sites is None:
        sides = ("known", "the outputs are older than this checkout")
        return [finding("the cloud", "cloud", "each site's cloud", sides, "pulumi up", "pulumi up")]
    standing: dict[str, Standing | UnreadableError] = {}
    for cloud in sorted({site["cloud"] for site in sites.values()} & {*READERS}):
        places = {site["location"] for site in sites.values() if site["cloud"] == cloud}
        try:
            standing[cloud] = READERS[cloud].read(
                stack.credentials.stack, places, lambda key: setting(stack.credentials.stack, key)
            )
        except UnreadableError as error:
            standing[cloud] = error
    found: list[Json] = []
    for name, site in sorted(sites.items()):
        seen = standing.get(site["cloud"])
        if seen is None:
            continue
        if isinstance(seen, UnreadableError):
            sides = ("to be looked at", seen.what)
            found.append(finding(f"site {name}", "cloud", "firewall", sides, HAND, seen.fix))
        else:
            found += of_cloud(stack.outputs, name, seen)
    return found
