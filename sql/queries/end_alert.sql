-- What stood is over, and that is to be told.
UPDATE alerts SET resolved_at = %(at)s, owed = %(owed)s WHERE key = %(key)s AND resolved_at IS NULL
