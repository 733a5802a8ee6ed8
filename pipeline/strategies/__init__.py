"""Strategies, one file each: what a trader sees of one paper in, a decision or nothing out. Pure."""
