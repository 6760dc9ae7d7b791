"""Metrics from anything that speaks Prometheus' HTTP API: Prometheus, Thanos, Mimir, VictoriaMetrics."""

from collectors.prometheus.source import Prometheus

__all__ = ["Prometheus"]
