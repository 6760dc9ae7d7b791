"""Collectors: one module reads one source. See docs/ARCHITECTURE.md for how to add one."""
