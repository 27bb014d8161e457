"""The map of a mesh: what was declared and what was seen, as data, a page and a drawing.

`model` brings outputs and a look together; `page` writes it as one HTML file that needs no network,
`drawing` as an SVG. All of it is pure; `scripts/map.py` looks and writes.
"""

from backplane.map.drawing import svg
from backplane.map.model import Look, model
from backplane.map.page import page
from backplane.map.planned import planned

__all__ = ["Look", "model", "page", "planned", "svg"]
