INSERT INTO live_state (state, since, why, session, last_bar, feed, missing, late, revised, seen_at)
VALUES (%(state)s, %(since)s, %(why)s, %(session)s, %(last_bar)s, %(feed)s, %(missing)s, %(late)s, %(revised)s,
        %(seen_at)s)
ON CONFLICT (only_row) DO UPDATE
SET state = excluded.state, why = excluded.why, session = excluded.session, last_bar = excluded.last_bar,
    feed = excluded.feed, missing = excluded.missing, late = excluded.late, revised = excluded.revised,
    seen_at = excluded.seen_at,
    since = CASE WHEN live_state.state = excluded.state THEN live_state.since ELSE excluded.since END
