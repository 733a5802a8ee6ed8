"""The broker's side of the house: feed, candles, instruments over Upstox's interfaces. Nothing here decides anything."""
