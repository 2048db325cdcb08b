-- What the feeds went through last, newest first.
SELECT at, feed, event, session, symbol, why
FROM feed_events
ORDER BY id DESC
LIMIT %(limit)s
