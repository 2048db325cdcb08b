-- Where each bar comes from, and what the feeds went through.
ALTER TABLE market_data
    DROP CONSTRAINT market_data_source_check,   -- synthetic bars are stored as such, where the gate lets them
    ADD COLUMN basis text NOT NULL DEFAULT 'as_traded' CHECK (basis IN ('as_traded', 'split_adjusted', 'unknown')),
    ADD COLUMN why   text;                      -- null: the primary feed answered; else why it was another one
ALTER TABLE market_data ALTER COLUMN basis DROP DEFAULT;
ALTER TABLE bar_revisions
    ADD COLUMN basis text NOT NULL DEFAULT 'as_traded',
    ADD COLUMN why   text;
ALTER TABLE bar_revisions ALTER COLUMN basis DROP DEFAULT;

CREATE TABLE feed_events (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    feed    text        NOT NULL,
    event   text        NOT NULL CHECK (event IN ('up', 'down', 'probing', 'failover', 'repair')),
    until   timestamptz,                        -- of down: when the feed may be asked again
    session date,                               -- of failover and repair
    symbol  text,
    why     text        NOT NULL
);
CREATE INDEX feed_events_by_feed ON feed_events (feed, id DESC);  -- "in which state is this feed?"
