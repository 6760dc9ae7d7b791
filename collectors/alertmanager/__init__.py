"""Alerts and silences from Prometheus' Alertmanager, or anything that speaks its API v2 (Mimir, Amazon's)."""

from collectors.alertmanager.source import Alertmanager

__all__ = ["Alertmanager"]
