"""One servicer for each service: translates messages into calls of the daemon's parts, and decides nothing."""
