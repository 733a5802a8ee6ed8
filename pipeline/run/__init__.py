"""The shell: settings, logs, wiring, the one runner, the supervisor and the verbs. Floor 4."""
