"""What reading may cost, told before anything is sent. Pure."""

from __future__ import annotations

from collectors.cloudwatch.settings import CloudWatchSettings

DOLLARS_PER_GB = 0.005
"""Of data that Logs Insights scans, in us-east-1; most other regions are dearer.

Source: aws.amazon.com/cloudwatch/pricing, "Analyze (Logs Insights queries)".
"""


def told(settings: CloudWatchSettings) -> str:
    """What Logs Insights reads, how much of it at most, and what AWS charges for that."""
    what = "counts error lines and what is not read" if settings.insights else "reads groups of infrequent access"
    most = settings.max_scan_bytes
    if not most:
        return f"Logs Insights {what}, but is not asked: max_scan_bytes is 0"
    price = f"some {dollars(most)} at {DOLLARS_PER_GB} USD per GB, the price in us-east-1"
    return f"Logs Insights {what}, stopped at {most:,} bytes scanned in all groups and regions together: {price}"


def dollars(scanned: int) -> str:
    """What scanning so many bytes costs, rounded up to the cent: '0.03 USD'."""
    cents = -(-scanned * DOLLARS_PER_GB * 100 // 1e9)
    return f"{cents / 100:,.2f} USD"
