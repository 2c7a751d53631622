"""Throw-away systemd hosts, so that roles, units and services are tested on what they will run on.

``python -m tests.hosts`` brings them up and takes them down; ``tests/hosts/run`` runs the molecule scenarios on them.
"""
