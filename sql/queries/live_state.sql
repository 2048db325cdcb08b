SELECT state, since, why, session, last_bar, feed, missing, late, revised, seen_at FROM live_state
