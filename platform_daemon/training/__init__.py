"""Training sessions: when they run, what they read, and how their results go live."""
