"""A local server that speaks the Hetzner Cloud API (v1) over the lab's machines.

State is plain data and functions (`state*.py`), HTTP is in `app.py` and `routes_*.py`, effects
go through a `lab.driver.Driver` (`cloud.py`), files through `store.py`. It speaks what this
program and the two vendor clients use, and refuses everything else loudly: paths, methods,
fields and query parameters alike.

Source of the shapes: Hetzner's public API description (https://docs.hetzner.cloud) and what
hcloud-python and hcloud-go read.
"""
