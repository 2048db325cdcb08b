-- What still stands is told again.
UPDATE alerts SET owed = %(owed)s WHERE resolved_at IS NULL AND kind = ANY(%(repeated)s) AND told_at <= %(before)s
