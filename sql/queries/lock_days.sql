-- The advisory locks of some days, one after the other in the order given.
SELECT pg_advisory_xact_lock(%(lock_class)s, day) FROM unnest(%(days)s::integer[]) AS day
