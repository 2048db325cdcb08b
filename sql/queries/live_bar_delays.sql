-- How long after their ends bars were told: how many took at most each of some spans (ascending seconds), and all together.
-- A bar is below as many of the spans as their negatives, which ascend the other way round, are not above its own.
SELECT below, count(*), sum(delay) AS seconds
FROM (SELECT greatest(0, extract(epoch FROM at - "timestamp" - %(bar_size)s::interval))::double precision AS delay
      FROM live_bars
      WHERE event IN ('published', 'withheld')) AS told
CROSS JOIN LATERAL width_bucket(-delay, %(negatives)s::double precision[]) AS below
GROUP BY below
