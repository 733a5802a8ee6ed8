"""A local Upstox: REST, the V3 protobuf feed and the portfolio stream over a market that is made here."""
