-- Orders of paper accounts, what happened to them, the ledger of fills, and the positions that it amounts to.
-- What happened is only ever added to: state, filled shares and positions are what the rows amount to, kept beside them.
CREATE TABLE orders (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account         text        NOT NULL,
    client_order_id text        NOT NULL UNIQUE,   -- the broker keeps it as the order's reference
    symbol          text        NOT NULL,
    side            text        NOT NULL CHECK (side IN ('BUY', 'SELL')),
    order_type      text        NOT NULL CHECK (order_type IN ('MARKET', 'LIMIT', 'STOP', 'STOP_LIMIT')),
    quantity        numeric     NOT NULL CHECK (quantity > 0),   -- this and the prices as first asked for
    limit_price     numeric     CHECK (limit_price > 0),
    stop_price      numeric     CHECK (stop_price > 0),
    time_in_force   text        NOT NULL CHECK (time_in_force IN ('DAY', 'GTC', 'IOC')),
    state           text        NOT NULL CHECK (state IN ('PENDING', 'SUBMITTED', 'ACCEPTED', 'PARTIALLY_FILLED',
                                                          'PENDING_CANCEL', 'FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED')),
    filled          numeric     NOT NULL DEFAULT 0 CHECK (filled >= 0),
    created_at      timestamptz NOT NULL,          -- by the clock of the account's market
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- "Which orders does the account still have?", asked at every turn of the service, and how many it made lately.
CREATE INDEX orders_open ON orders (account) WHERE state NOT IN ('FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED');
CREATE INDEX orders_by_time ON orders (account, created_at);

CREATE TABLE order_events (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,   -- the order in which they became known
    order_id        bigint      NOT NULL REFERENCES orders,
    kind            text        NOT NULL,
    at              timestamptz NOT NULL,          -- when it happened, in the words of who told it
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    outcome         text        NOT NULL CHECK (outcome IN ('APPLIED', 'QUARANTINED')),
    reason          text        NOT NULL DEFAULT '',   -- why it was quarantined
    state           text        NOT NULL,          -- of the order, after it
    quantity        numeric     NOT NULL,
    price           numeric,
    stop_price      numeric,
    execution       text,
    revision        bigint      NOT NULL,
    perm_id         bigint,                        -- the broker's permanent number of the order
    said            text        NOT NULL DEFAULT ''
);
CREATE INDEX order_events_by_order ON order_events (order_id, id);  -- "what happened to this order?"

CREATE TABLE fills (
    account         text        NOT NULL,
    exec_id         text        NOT NULL,          -- the broker's; a correction has a higher number after the last dot
    symbol          text        NOT NULL,
    side            text        NOT NULL CHECK (side IN ('BUY', 'SELL')),
    quantity        numeric     NOT NULL CHECK (quantity >= 0),
    price           numeric     NOT NULL CHECK (price >= 0),
    executed_at     timestamptz NOT NULL,
    client_order_id text,                          -- null: somebody traded the account past us
    perm_id         bigint,
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account, exec_id)
);
CREATE INDEX fills_by_symbol ON fills (account, symbol, executed_at);  -- the fold of a position

CREATE TABLE fill_commissions (
    account         text        NOT NULL,
    exec_id         text        NOT NULL,
    amount          numeric     NOT NULL,
    currency        text        NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account, exec_id)                 -- it may come before its fill, and again with another amount
);

CREATE TABLE position_adoptions (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account         text        NOT NULL,
    symbol          text        NOT NULL,
    quantity        numeric     NOT NULL,          -- added to the position
    price           numeric     NOT NULL CHECK (price >= 0),
    adopted_at      timestamptz NOT NULL,
    who             text        NOT NULL,
    why             text        NOT NULL
);

CREATE TABLE trading_halts (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account         text        NOT NULL,
    symbol          text,                          -- null: all of them
    halted          boolean     NOT NULL,
    at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    who             text        NOT NULL,
    why             text        NOT NULL
);

-- What both books said when they were last compared; that they drifted stands in trading_halts, and stays.
CREATE TABLE reconciliations (
    account         text        NOT NULL,
    symbol          text        NOT NULL,
    asked_at        timestamptz NOT NULL,
    ours            numeric     NOT NULL,
    theirs          numeric     NOT NULL,
    PRIMARY KEY (account, symbol)
);

CREATE TABLE current_positions (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account         text        NOT NULL,
    symbol          text        NOT NULL,
    qty             numeric     NOT NULL DEFAULT 0,   -- negative: short
    avg_price       numeric     NOT NULL DEFAULT 0,
    cost_basis      numeric     NOT NULL DEFAULT 0,
    realized_pnl    numeric     NOT NULL DEFAULT 0,
    commissions     numeric     NOT NULL DEFAULT 0,
    market_value    numeric     DEFAULT 0,            -- null: no bar of the symbol was stored
    unrealized_pnl  numeric     DEFAULT 0,
    last_price      numeric,
    priced_at       timestamptz,                      -- start of the bar that it is valued by
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (account, symbol)                          -- simulation and paper are two books
);
INSERT INTO current_positions (account, symbol) VALUES ('SIMULATED', 'NVDA'), ('SIMULATED', 'MSFT');

-- The simulated broker's own books: what it was asked, and what it did.
CREATE TABLE simulated_orders (
    account         text        NOT NULL,
    client_order_id text        NOT NULL,
    symbol          text        NOT NULL,
    side            text        NOT NULL,
    order_type      text        NOT NULL,
    quantity        numeric     NOT NULL,
    limit_price     numeric,
    stop_price      numeric,
    time_in_force   text        NOT NULL,
    placed_at       timestamptz NOT NULL,
    reached         timestamptz NOT NULL,          -- bars that begin before this have had their say
    triggered       boolean     NOT NULL DEFAULT false,
    state           text        NOT NULL,
    filled          numeric     NOT NULL DEFAULT 0,
    said            text        NOT NULL DEFAULT '',
    PRIMARY KEY (account, client_order_id)
);

CREATE TABLE simulated_fills (
    account         text        NOT NULL,
    exec_id         text        NOT NULL,
    client_order_id text        NOT NULL,
    symbol          text        NOT NULL,
    side            text        NOT NULL,
    quantity        numeric     NOT NULL,
    price           numeric     NOT NULL,
    executed_at     timestamptz NOT NULL,
    commission      numeric     NOT NULL,
    PRIMARY KEY (account, exec_id)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON order_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON fills
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON position_adoptions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON trading_halts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
