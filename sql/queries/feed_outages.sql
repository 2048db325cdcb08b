-- The outages of a feed: from the first 'down' after it was up to the next 'up'; those that began after an event, oldest first.
SELECT first_down.id, first_down.at, first_down.why,
       (SELECT min(up.at) FROM feed_events up WHERE up.feed = %(feed)s AND up.event = 'up' AND up.id > first_down.id) AS ended
FROM feed_events first_down
WHERE first_down.feed = %(feed)s AND first_down.event = 'down' AND first_down.id > %(after)s
  AND coalesce((SELECT before.event FROM feed_events before
                WHERE before.feed = first_down.feed AND before.id < first_down.id AND before.event IN ('up', 'down')
                ORDER BY before.id DESC LIMIT 1), 'up') = 'up'
ORDER BY first_down.id
