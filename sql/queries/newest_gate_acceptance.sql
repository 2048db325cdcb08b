-- The last word of a person on a session of a desk.
SELECT by, reason, at, fingerprints, findings
FROM gate_acceptances
WHERE session = %(session)s AND environment = %(environment)s AND bar_size = %(bar_size)s
  AND symbols = %(symbols)s::text[]
ORDER BY id DESC
LIMIT 1
