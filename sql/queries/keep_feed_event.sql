INSERT INTO feed_events (feed, event, until, session, symbol, why)
VALUES (%(feed)s, %(event)s, %(until)s, %(session)s, %(symbol)s, %(why)s)
