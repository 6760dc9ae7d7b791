"""Log lines and their counts from Grafana Loki, or whatever speaks its HTTP API (Grafana Cloud, Enterprise Logs)."""

from collectors.loki.source import Loki

__all__ = ["Loki"]
