"""Feeds: each asks a vendor, parses the answer and hands out vendor rows. Normalising them is `market.normalise`'s work."""
