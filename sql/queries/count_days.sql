-- Of each stretch of time, how many rows of some symbols a table holds.
SELECT (SELECT count(*) FROM {table} stored
        WHERE stored."timestamp" >= day.first AND stored."timestamp" < day.last AND stored.symbol = ANY(%(symbols)s))
FROM unnest(%(firsts)s::timestamptz[], %(lasts)s::timestamptz[]) WITH ORDINALITY AS day (first, last, place)
ORDER BY day.place
