SELECT feed, event, count(*) FROM feed_events GROUP BY feed, event ORDER BY feed, event
