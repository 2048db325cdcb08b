-- The query of longer bars, over other bars than all of market_data: PostgreSQL carries no range down through date_bin and
-- date_trunc, so whoever asks for a range of them bounds the bars that they are made of.
DROP FUNCTION longer_bars_query(text);
CREATE FUNCTION longer_bars_query(bucket text, bars text DEFAULT 'market_data') RETURNS text IMMUTABLE LANGUAGE sql AS
$query$ SELECT format($text$
    SELECT %s                                            AS "timestamp",   -- start of the bucket
           symbol,
           (array_agg(open ORDER BY "timestamp"))[1]         AS open,
           max(high)                                         AS high,
           min(low)                                          AS low,
           (array_agg(close ORDER BY "timestamp"))[count(*)] AS close,
           sum(volume)::bigint                               AS volume,
           count(*)                                          AS bars        -- how many stored bars are in it
    FROM %s
    GROUP BY 1, 2
$text$, bucket, bars) $query$;
