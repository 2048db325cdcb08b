-- The stored bars that are in longer ones of a range: these begin in it, and the day of a change of clocks has 25 hours.
-- Filled in by resources/database/bar_reader.py; what longer_bars_query makes longer bars of.
(SELECT * FROM market_data
 WHERE "timestamp" >= {first} AND "timestamp" < {end} + {length}::interval + INTERVAL '1 hour') AS bars
