"""Which part of the traffic carries a rise: where rows belong, the parts, and those that explain it."""
