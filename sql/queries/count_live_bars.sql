SELECT event, count(*) FROM live_bars GROUP BY event ORDER BY event
