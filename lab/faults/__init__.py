"""Faults for the lab: what breaks in a real mesh, done on purpose, and undone by itself.

Each fault is a context manager that works on a lab's parts and leaves nothing behind:

    with path.blocked(lab, RUNNER, machine):
        ...
"""
