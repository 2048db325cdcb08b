-- The state that each feed is in, and how often it went down since it was last up.
SELECT feed, state, until, why,
       (SELECT count(*) FROM feed_events down
        WHERE down.feed = last.feed AND down.event = 'down'
          AND down.id > (SELECT coalesce(max(up.id), 0) FROM feed_events up
                         WHERE up.feed = last.feed AND up.event = 'up')) AS pauses
FROM (SELECT DISTINCT ON (feed) feed, event AS state, until, why
      FROM feed_events
      WHERE event IN ('up', 'down', 'probing')
      ORDER BY feed, id DESC) AS last
ORDER BY feed
