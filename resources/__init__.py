"""The outside world: settings, feeds, the landing zone, the database; Dagster resources and what they are made of.

Rules about bars do not belong here; they are in `market`.
"""
