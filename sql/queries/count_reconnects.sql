-- How often each feed came back after it had been down.
SELECT feed, count(*)
FROM (SELECT feed, event, lag(event) OVER (PARTITION BY feed ORDER BY id) AS before
      FROM feed_events
      WHERE event IN ('up', 'down', 'probing')) AS changes
WHERE event = 'up' AND before IN ('down', 'probing')
GROUP BY feed
ORDER BY feed
