-- Single bars as they come in, where none is stored yet; how many those were. Most live minutes are new, and this asks
-- one chunk only: what is left is the matter of upsert_market_data.sql.
WITH added AS (
    INSERT INTO market_data ("timestamp", symbol, open, high, low, close, volume, source, basis, why)
    SELECT *
    FROM unnest(%(timestamp)s::timestamptz[], %(symbol)s::text[], %(open)s::numeric[], %(high)s::numeric[],
                %(low)s::numeric[], %(close)s::numeric[], %(volume)s::bigint[], %(source)s::text[], %(basis)s::text[],
                %(why)s::text[])
    ON CONFLICT ("timestamp", symbol) DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM added
