"""Tokens and login. Secrets live in 0600 files that git ignores, or in the environment; never in the tree, never in a log."""
