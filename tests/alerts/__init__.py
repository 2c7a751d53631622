"""The alert rules and the dashboard of the monitoring role, tried with Prometheus' own promtool."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
RULES = REPOSITORY / "roles/scaleplex_monitoring/files/rules.yml"
DASHBOARD = REPOSITORY / "roles/scaleplex_monitoring/files/dashboard.json"
