"""Between strategies and recommendations: the market's regime and the rules a signal must pass. Pure."""
