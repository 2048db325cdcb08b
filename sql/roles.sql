-- The two groups that people and services are put into; nobody logs in as one. Roles belong to the whole server, so another
-- database's migration may have made them, or be making them now. Where this user may make none, an administrator does.
DO $$
DECLARE wanted text;
BEGIN
    IF (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) THEN
        FOREACH wanted IN ARRAY ARRAY['intraday_reader', 'intraday_writer'] LOOP
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
                BEGIN
                    EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
                EXCEPTION WHEN duplicate_object OR unique_violation THEN
                    NULL;  -- another database's migration was faster
                END;
            END IF;
        END LOOP;
    END IF;
END $$;
