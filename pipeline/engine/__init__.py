"""Decisions, without input or output: filter, risk, sizing, order life, paper matching, exits, portfolio."""
