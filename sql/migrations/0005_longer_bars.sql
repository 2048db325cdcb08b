-- Longer bars of the stored ones: market_data_5min, _15min, _1h and _1d, views here. Where the server's licence has
-- continuous aggregates they take the views' places and names (resources/database/licensed.py), made of the same query.
CREATE FUNCTION longer_bars_query(bucket text) RETURNS text IMMUTABLE LANGUAGE sql AS
$query$ SELECT format($text$
    SELECT %s                                            AS "timestamp",   -- start of the bucket
           symbol,
           (array_agg(open ORDER BY "timestamp"))[1]         AS open,
           max(high)                                         AS high,
           min(low)                                          AS low,
           (array_agg(close ORDER BY "timestamp"))[count(*)] AS close,
           sum(volume)::bigint                               AS volume,
           count(*)                                          AS bars        -- how many stored bars are in it
    FROM market_data
    GROUP BY 1, 2
$text$, bucket) $query$;

-- New York is whole hours from UTC, so buckets of minutes need no time zone; the session opens at half past, and so do
-- the hours. A day is New York's: the one of a change of clocks has 23 or 25 hours.
CREATE FUNCTION longer_bars() RETURNS TABLE (name text, in_postgresql text, in_timescaledb text)
IMMUTABLE LANGUAGE sql AS
$$ VALUES
    ('market_data_5min',  $b$date_bin('5 minutes', "timestamp", '2000-01-01 00:00+00')$b$,
                          $b$time_bucket('5 minutes', "timestamp")$b$),
    ('market_data_15min', $b$date_bin('15 minutes', "timestamp", '2000-01-01 00:00+00')$b$,
                          $b$time_bucket('15 minutes', "timestamp")$b$),
    ('market_data_1h',    $b$date_bin('1 hour', "timestamp", '2000-01-01 00:30+00')$b$,
                          $b$time_bucket('1 hour', "timestamp", "offset" => INTERVAL '30 minutes')$b$),
    ('market_data_1d',    $b$date_trunc('day', "timestamp", 'America/New_York')$b$,
                          $b$time_bucket('1 day', "timestamp", 'America/New_York')$b$)
$$;

DO $$
DECLARE bars record;
BEGIN
    FOR bars IN SELECT * FROM longer_bars() LOOP
        EXECUTE format('CREATE VIEW %I AS %s', bars.name, longer_bars_query(bars.in_postgresql));
    END LOOP;
END $$;
