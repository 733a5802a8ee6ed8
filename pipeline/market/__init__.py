"""From feed rows to metrics and candles."""
