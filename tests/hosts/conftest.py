"""Tests that need running hosts are collected only by tests/hosts/run, which makes the caches and chooses the names."""

import os

collect_ignore = [] if "SCALEPLEX_HOSTS_RUN" in os.environ else ["test_uninstall.py", "test_wrong_input.py"]
