-- One at a time changes what an account has; it lasts to the end of the transaction.
SELECT pg_advisory_xact_lock(%(class)s, hashtext(%(account)s))
