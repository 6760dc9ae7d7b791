"""What AWS tells of a service: metrics and alarms (CloudWatch), log lines (CloudWatch Logs), and who changed what."""

from collectors.cloudwatch.source import CloudWatch

__all__ = ["CloudWatch"]
