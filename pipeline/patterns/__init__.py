"""Candlestick patterns, one file each, and the scan that steps all of them."""
