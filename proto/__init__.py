"""The Upstox feed's wire schema and the code generated from it."""
