"""Tests that need running hosts are collected only by tests/hosts/run, which makes the caches and chooses the names."""

import os

HOSTS_NEEDED = ["test_odd_fleet.py", "test_uninstall.py", "test_wrong_input.py"]
collect_ignore = [] if "SCALEPLEX_HOSTS_RUN" in os.environ else HOSTS_NEEDED
