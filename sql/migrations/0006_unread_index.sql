-- No query asks what a bar said before, and an index that nobody reads costs every revision.
DROP INDEX bar_revisions_by_bar;
