-- Connections to the server by state, whichever database they are of; that of other users' is hidden from those who may not
-- see it. And how many there may be of users who are not given the reserved ones.
SELECT coalesce(state, 'hidden') AS state, count(*),
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           - coalesce(current_setting('reserved_connections', true)::int, 0) AS most  -- unknown before PostgreSQL 16
FROM pg_stat_activity
WHERE datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
GROUP BY 1
ORDER BY 1
