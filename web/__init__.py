"""The window: a guarded dashboard on loopback. It reads Redis and writes one thing only, confirmations."""
