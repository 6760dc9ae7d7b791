"""A staged incident, played to the unmodified collectors: a real git repository, real log files, a loopback server
that answers like Prometheus from recorded answers. Nothing here knows what the analyzers look for.
"""
