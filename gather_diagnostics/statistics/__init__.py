"""What the analyzers ask of numbers over time: when a series left its baseline, whether it is rising, what is new."""
