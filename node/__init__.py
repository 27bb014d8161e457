"""The tool that runs on a machine: stages, activates, confirms and undoes generations.

Python standard library only. A generation is one complete set of a node's files under
``/var/lib/backplane/generations``. What boot reads is the confirmed one; a generation that is
merely active lives in ``/run`` and does not survive a reboot.
"""
