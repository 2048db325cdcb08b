-- One transaction at a time tells, so that its ids are in the order of its commits.
SELECT pg_advisory_xact_lock(%(lock)s)
