"""Readers of daily files that other houses publish: one file a format."""
