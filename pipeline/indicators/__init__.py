"""Technical indicators, one file each, and the bank that steps all of them."""
