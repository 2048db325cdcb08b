-- What people are told of: what stands now, and what stood. A row lasts from when something begins until it ends; the same
-- key may begin again. The row is the outbox too, so that what was not sent before a restart is sent after it.
CREATE TABLE alerts (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text        NOT NULL,              -- what it is about, such as feed_down:yahoo
    kind        text        NOT NULL CHECK (kind IN ('feed_down', 'run_failed', 'sessions_missing')),
    since       timestamptz NOT NULL,
    says        text        NOT NULL,
    advice      text        NOT NULL,              -- what a person can do
    sessions    text[]      NOT NULL DEFAULT '{}', -- those that it names; one that is added is told at once
    resolved_at timestamptz,                       -- null: it stands
    told_at     timestamptz,                       -- when a message last named it; null: none ever did
    told        integer     NOT NULL DEFAULT 0,    -- messages that named it
    owed        text[]      NOT NULL DEFAULT '{}'  -- channels that have not taken what is to be told of it now
);
CREATE UNIQUE INDEX alerts_standing ON alerts (key) WHERE resolved_at IS NULL;  -- two daemons that see the same make one row

-- The messages that channels took, so that they can be bounded by the hour over processes and restarts.
CREATE TABLE alert_messages (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL,
    channel text        NOT NULL CHECK (channel IN ('webhook', 'mail')),
    alerts  bigint[]    NOT NULL                   -- ids of those that it named
);

-- When each sensor last did its work, for whoever watches them: nobody alerts when a sensor itself hangs.
CREATE TABLE sensor_heartbeats (
    sensor text        PRIMARY KEY,
    at     timestamptz NOT NULL
);
