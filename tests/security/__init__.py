"""Attacks on the running services, in tables."""
