-- One process at a time speaks to the broker for an account; it lasts as long as the connection does.
SELECT pg_try_advisory_lock(%(class)s, hashtext(%(account)s))
