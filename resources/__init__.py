"""The outside world: settings, feeds, the landing zone, the database. Each is a Dagster resource or what one is made of.

Rules about bars do not belong here; they are in `market`.
"""
