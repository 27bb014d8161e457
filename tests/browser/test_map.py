"""The map's page, as somebody sees and handles it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from scripts import _ways
from tests.browser.chromium import Browser
from tests.browser.conftest import Written
from tests.core import example, maps
from tests.scripts import ways

LOAD, ANSWER = 1.0, 0.2
"""Seconds with 200 nodes: until the page can be used, and for a filter or a choice."""

BUSY = 5.0
"""So many times that is let pass on a computer that does other work."""


@pytest.fixture(scope="module")
def ill(written: Written) -> Path:
    """Four nodes, of which one does not answer."""
    return written(maps.seen(silent=["hel-a"]))


@pytest.fixture(scope="module")
def many(written: Written) -> Path:
    """Two hundred nodes, two of them silent."""
    return written(maps.seen(example.grown(200), silent=["node-1-7", "node-3-40"]))


@pytest.fixture(autouse=True)
def _quiet(chromium: Browser) -> Iterator[None]:
    """After each test the console has said nothing, and nothing but the page was asked for."""
    chromium.log("browser")
    chromium.log("performance")
    yield
    assert chromium.complaints() == []
    asked = {address.partition("#")[0] for address in chromium.requests()} - {"about:blank"}
    assert [one for one in asked if not re.fullmatch(r"file://.*/pages\w*/\w+\.html", one)] == []


def _cell(chromium: Browser) -> str:
    return str(chromium.js("return document.getElementById('cell').value"))


def _visible(chromium: Browser) -> list[str]:
    seen = "filter((e) => e.getClientRects().length).map((e) => e.textContent)"
    found: list[str] = chromium.js(
        f"return [...document.querySelectorAll('#nodes tbody th')].{seen}"
    )
    return found


def test_the_page_says_what_was_seen(chromium: Browser, ill: Path) -> None:
    """Verdict, time, planes with their figures, every node with its state, every finding."""
    chromium.open(ill)
    assert chromium.text("h1") == "lab"
    assert "1 of 4 nodes did not answer, 3 findings" in chromium.text(".verdict")
    assert "2026-01-02 12:03:11 UTC" in chromium.text("header")
    assert "What it shows may have changed." in chromium.text("#stale")
    assert len(chromium.texts(".planes p")) == 4
    assert "6 of 12 fresh" in chromium.text(".planes p")
    assert _visible(chromium) == ["fsn-a", "fsn-b", "hel-a", "hel-b"]
    assert chromium.text("tr[data-node=hel-a] td:nth-of-type(3)") == "did not answer"
    assert len(chromium.texts(".findings > li")) == 3
    assert "look at its power" in chromium.text("#finding-0")


def test_a_click_shows_a_node(chromium: Browser, ill: Path) -> None:
    """In the picture or the list: its addresses, generation, peers with ages, and findings."""
    chromium.open(ill)
    chromium.click("#picture [data-node=fsn-a]")
    details = chromium.text("#details")
    assert details.startswith("fsn-a")
    for told in ("198.51.100.17", "10.203.1.1", maps.GENERATION, "wg1 yes, wg0 yes"):
        assert told in details, told
    assert chromium.texts("#details td.never") == ["none"] * 4
    chromium.click("tr[data-node=hel-a] a")
    assert chromium.text("#details-title") == "hel-a"
    assert "cannot be asked" in chromium.text("#details")
    assert chromium.js("return location.hash") == "#node-hel-a"
    assert "fsn-a" not in chromium.text("#details-title")


def test_a_plane_is_chosen_and_the_matrix_pointed_at(chromium: Browser, ill: Path) -> None:
    """The cell's figure is that of the plane, and a click on it shows the row's node."""
    chromium.open(ill)
    chromium.click("input[value=storage]")
    told = maps.seen(silent=["hel-a"])
    chromium.js("document.getElementById('matrix').scrollIntoView({block: 'center'})")
    chromium.js("document.getElementById('matrix').focus()")
    chromium.keys(Keys.ARROW_RIGHT)
    assert _cell(chromium) == f"fsn-a with fsn-b on storage: {told['ages']['storage'][0][1]} s"
    chromium.keys(Keys.ARROW_RIGHT)
    assert _cell(chromium) == "fsn-a with hel-a on storage: no handshake"
    chromium.keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_LEFT)
    assert _cell(chromium) == "hel-a with fsn-b on storage: node did not answer"
    chromium.click("#matrix")
    assert chromium.text("#details-title") in {"fsn-a", "fsn-b", "hel-a", "hel-b"}
    chromium.click("input[value=management]")
    colours = chromium.js(
        "const c = document.getElementById('matrix'); const d = c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data; const s = new Set();"
        "for (let i = 0; i < d.length; i += 4) s.add(d.slice(i, i + 4).join()); return s.size"
    )
    assert colours > 5


def test_the_keyboard_is_enough(chromium: Browser, ill: Path) -> None:
    """Tab reaches everything, the list as one stop; Enter chooses, Escape gives the focus back."""
    chromium.open(ill)
    stops: list[str] = []
    for _ in range(20):
        chromium.keys(Keys.TAB)
        stops.append(chromium.focus())
        if stops[-1] == "a" and len(stops) > 1:
            break
    assert stops[0] == "a"
    assert stops[1:4] == ["input", "input find", "input only"]
    assert "canvas matrix" in stops
    assert stops[-1] == "a"
    chromium.keys(Keys.ARROW_DOWN)
    chromium.keys(Keys.ARROW_DOWN, Keys.ENTER)
    assert chromium.text("#details-title") == "hel-a"
    assert chromium.focus() == "section details"
    chromium.keys(Keys.ESCAPE)
    assert chromium.text("#details-title") == "The mesh"
    assert chromium.js("return document.activeElement.textContent") == "hel-a"
    chromium.keys(Keys.HOME)
    assert chromium.js("return document.activeElement.textContent") == "fsn-a"


def test_a_filter_leaves_what_it_says(chromium: Browser, ill: Path) -> None:
    """By name, site, role or address, in list, picture and matrix; nothing is said so, too."""
    chromium.open(ill)
    chromium.click("#find")
    chromium.keys("hel 10.201.2.2")
    assert _visible(chromium) == ["hel-b"]
    assert chromium.text("#shown") == "1 of 4 nodes"
    assert len(chromium.texts("#picture .node.faded")) == 3
    chromium.keys(Keys.ENTER)
    assert chromium.text("#details-title") == "hel-b"
    chromium.click("#find")
    chromium.keys(" nobody")
    assert _visible(chromium) == []
    assert chromium.text("#shown") == "0 of 4 nodes"
    chromium.js("document.getElementById('matrix').focus()")
    assert _cell(chromium) == "No node is shown."
    chromium.js("document.getElementById('find').value = ''")
    chromium.click("#only")
    assert _visible(chromium) == ["hel-a"]


def test_hostile_names_are_inert(chromium: Browser, written: Written) -> None:
    """They are read as they are, in list, picture, details and findings, and nothing runs."""
    told = maps.hostile()
    chromium.open(written(told))
    name = told["nodes"][0]["name"]
    chromium.js("document.querySelector('#nodes tbody a').click()")
    assert chromium.text("#details-title") == name
    assert maps.HOSTILE in chromium.text("#details")
    assert maps.HOSTILE in chromium.text(".findings")
    assert chromium.js("return document.title").startswith("lab</script>")
    assert chromium.js("return document.querySelectorAll('img, script').length") == 2
    assert chromium.js("return document.querySelectorAll('[href^=javascript]').length") == 0


def test_what_is_not_the_pages_own_does_not_run(
    chromium: Browser, written: Written, tmp_path: Path
) -> None:
    """A script put into the page by hand is refused, and the console says so."""
    page = written(maps.seen()).read_text(encoding="utf-8")
    (tmp_path / "pages").mkdir()
    path = tmp_path / "pages" / "changed.html"
    path.write_text(page.replace("<main>", "<main><script>document.title = 'owned'</script>"))
    chromium.open(path)
    assert chromium.js("return document.title") == "lab: map of the mesh"
    (complaint,) = chromium.complaints()
    assert "Content Security Policy" in complaint
    chromium.js("new Image().src = 'http://192.0.2.1/'; fetch('http://192.0.2.1/').catch(() => 0)")
    refused: list[str] = []
    end = time.monotonic() + 10
    while len(refused) < len(("image", "fetch")):
        assert time.monotonic() < end, refused
        refused += [one for one in chromium.complaints() if "Content Security Policy" in one]
    assert chromium.requests() == [path.as_uri()]


def test_two_hundred_nodes_are_smooth(chromium: Browser, many: Path) -> None:
    """Open, filtered and chosen within the bounds; the figures are the page's own."""
    size = many.stat().st_size
    load = chromium.open(many)

    def timed(script: str) -> float:
        begin = time.monotonic()
        chromium.js(f"{script}; document.body.offsetHeight")
        return time.monotonic() - begin

    event = "dispatchEvent(new Event('input', {bubbles: true}))"
    narrow = timed(f"const f = document.getElementById('find'); f.value = 'node-3-4'; f.{event}")
    assert len(_visible(chromium)) == 11
    wide = timed(f"const f = document.getElementById('find'); f.value = ''; f.{event}")
    choice = timed("document.querySelectorAll('#nodes tbody a')[150].click()")
    assert chromium.text("#details-title") == "node-3-1"
    plane = timed("document.querySelector('input[value=storage]').click()")
    figures = (
        f"200 nodes: {size / 1e6:.2f} MB, usable after {load:.2f} s, filter {narrow:.3f} s and "
        f"{wide:.3f} s, choice {choice:.3f} s, plane {plane:.3f} s"
    )
    assert size < 1_500_000, figures
    assert load < LOAD * BUSY, figures
    assert max(narrow, wide, choice, plane) < ANSWER * BUSY, figures


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read_in_both_colours(chromium: Browser, ill: Path, scheme: str) -> None:
    """Contrast of at least 4.5 to 1 (WCAG 2.1, 1.4.3) for every text of the page."""
    chromium.open(ill)
    chromium.media(scheme=scheme)
    chromium.click("tr[data-node=hel-a] a")
    assert chromium.js(_CONTRAST) == []
    hide = (
        "document.querySelector('h1').style.color = getComputedStyle(document.body).backgroundColor"
    )
    chromium.js(hide)
    assert chromium.js(_CONTRAST) == ["1.00 lab"]
    dark = chromium.js("return getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(255, 255, 255)") == (scheme == "light")


_CONTRAST = """
const light = (rgb) => rgb.map((c) => c / 255)
  .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
const below = (element) => {
  for (let e = element; e; e = e.parentElement) {
    if (e.namespaceURI.endsWith('svg') && e.tagName !== 'svg') {
      const card = e.parentElement.querySelector(':scope > .card, :scope > .band, :scope > .paper');
      if (card) return parts(getComputedStyle(card).fill);
      continue;
    }
    const colour = parts(getComputedStyle(e).backgroundColor);
    if (colour.length < 4 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const poor = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const element = walk.currentNode.parentElement;
  if (!walk.currentNode.data.trim() || !element.getClientRects().length) continue;
  if (element.closest('script, .skip, title')) continue;
  const style = getComputedStyle(element);
  const ink = parts(element.namespaceURI.endsWith('svg') ? style.fill : style.color);
  const [one, other] = [light(ink.slice(0, 3)), light(below(element).slice(0, 3))];
  const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${walk.currentNode.data.trim().slice(0, 40)}`);
}
return poor;
"""


def test_it_prints_dark_on_white(chromium: Browser, ill: Path) -> None:
    """Whatever the colours of the screen; what can only be handled is not on paper."""
    chromium.open(ill)
    chromium.media("print", "dark")
    assert chromium.js("return getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
    assert chromium.text("#tools") == ""
    assert chromium.text("#which") == "Shown: wg0 enrollment"
    assert chromium.js(_CONTRAST) == []
    assert chromium.pdf().startswith(b"%PDF-")


def test_a_narrow_window_scrolls_one_way(chromium: Browser, ill: Path) -> None:
    """On a telephone's width nothing stands outside, but what scrolls by itself."""
    chromium.open(ill, width=500)
    wide = chromium.js("return document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0


def test_a_routed_mesh_and_a_plan_work_too(chromium: Browser, written: Written) -> None:
    """Ways between sites are listed; a plan has no matrix, and its nodes can be chosen."""
    routing = _ways.judge(ways.outputs(), ways.told())
    chromium.open(written(maps.seen(example.routed(), routing=routing)))
    assert "fsn hel fsn-b default fsn-b" in chromium.texts("section table tbody tr")
    chromium.open(written(maps.declared()))
    assert "no machine was asked" in chromium.text(".verdict")
    chromium.click("#picture [data-node=hel-b]")
    assert "not known before it is made" in chromium.text("#details")
    assert chromium.texts("canvas") == []
