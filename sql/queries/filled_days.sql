-- Of each stretch of time, whether a table holds rows of some symbols.
SELECT EXISTS (SELECT FROM {table} stored
               -- The range of all of them is known before the query runs: other chunks are not asked.
               WHERE stored."timestamp" >= %(first)s AND stored."timestamp" < %(last)s
                 AND stored."timestamp" >= day.first AND stored."timestamp" < day.last
                 AND stored.symbol = ANY(%(symbols)s))
FROM unnest(%(firsts)s::timestamptz[], %(lasts)s::timestamptz[]) WITH ORDINALITY AS day (first, last, place)
ORDER BY day.place
