-- What consumers of live were told, bar by bar; 'final' when the batch run has stored the session, or taken it back. One
-- transaction at a time writes, so ids ascend in the order in which they are committed: whoever has read up to an id has
-- missed nothing before it.
CREATE TABLE live_bars (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event       text        NOT NULL CHECK (event IN ('published', 'withheld', 'revised', 'final')),
    "timestamp" timestamptz NOT NULL,            -- start of the bar; of 'revised' the first one of which a row changed, of 'final' the session's open
    session     date        NOT NULL,
    missing     text[]      NOT NULL DEFAULT '{}',   -- the symbols of which no feed had this bar
    why         text        NOT NULL DEFAULT '',     -- of 'withheld': what the rolling gate found
    at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX live_bars_once ON live_bars ("timestamp") WHERE event IN ('published', 'withheld');  -- no bar is told twice

CREATE FUNCTION tell_live_bar() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('intraday_live_bars',
                      json_build_object('id', NEW.id, 'event', NEW.event, 'timestamp', NEW."timestamp")::text);
    RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT ON live_bars FOR EACH ROW EXECUTE FUNCTION tell_live_bar();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON live_bars
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- How the live process is doing, for whoever watches it.
CREATE TABLE live_state (
    state    text        NOT NULL CHECK (state IN ('sleeping', 'streaming', 'degraded', 'stopped')),
    since    timestamptz NOT NULL,
    why      text        NOT NULL DEFAULT '',
    session  date,                               -- the one that goes on, or the last one
    last_bar timestamptz,                        -- start of the newest bar that was told
    feed     text,                               -- the one that is used
    missing  integer     NOT NULL DEFAULT 0,     -- of the session: bars of a symbol that did not come
    late     integer     NOT NULL DEFAULT 0,     -- bars that came after their time was told without them
    revised  integer     NOT NULL DEFAULT 0,     -- bars that came again with other values
    seen_at  timestamptz NOT NULL,               -- when the process last said so
    only_row boolean     PRIMARY KEY DEFAULT true CHECK (only_row)
);
