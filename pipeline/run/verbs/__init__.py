"""The verbs of `ticktick`, one module each with ``main(args) -> int``; imported only when asked for."""
