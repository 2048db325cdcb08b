-- A person's word that a session is stored although the gate blocks it. Nobody can take it back or change it.
CREATE TABLE gate_acceptances (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session      date        NOT NULL,
    environment  text        NOT NULL,
    bar_size     text        NOT NULL,
    symbols      text[]      NOT NULL,
    fingerprints jsonb       NOT NULL,           -- of the bars that the person accepted; it holds for no others
    reason       text        NOT NULL CHECK (btrim(reason) <> ''),
    by           text        NOT NULL CHECK (btrim(by) <> ''),
    at           timestamptz NOT NULL,
    verdict      text        NOT NULL CHECK (verdict IN ('FAIL', 'ERROR')),
    findings     jsonb       NOT NULL            -- those that blocked the session, as the person saw them
);
CREATE INDEX gate_acceptances_by_session ON gate_acceptances (session, id DESC);  -- "does a person's word stand?"

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON gate_acceptances
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
