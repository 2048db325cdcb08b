-- Whether a process speaks to a broker for any account: it holds the lock that drive_account.sql takes.
SELECT EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2 AND classid = %(class)s AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
