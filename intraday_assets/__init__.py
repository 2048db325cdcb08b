"""The asset graph: partitions, assets, checks, charts and definitions.

Logic worth testing without Dagster is in `market`.
"""
