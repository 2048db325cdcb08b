"""Feeds: each asks a vendor, parses its answer and has `market.normalise` make bars of it."""
