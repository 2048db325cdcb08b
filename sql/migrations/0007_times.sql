-- When values were stored and revised is told by the statement, not by its transaction: that may have begun before
-- another one whose values it replaces, and only then waited for its turn.
ALTER TABLE market_data ALTER COLUMN created_at SET DEFAULT statement_timestamp();
ALTER TABLE bar_revisions ALTER COLUMN revised_at SET DEFAULT statement_timestamp();
