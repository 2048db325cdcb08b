INSERT INTO reconciliations (account, symbol, asked_at, ours, theirs)
VALUES (%(account)s, %(symbol)s, %(asked_at)s, %(ours)s, %(theirs)s)
ON CONFLICT (account, symbol) DO UPDATE
    SET asked_at = excluded.asked_at, ours = excluded.ours, theirs = excluded.theirs
