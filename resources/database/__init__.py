"""The database: where it is, how its schema grows, and the stores that write to it. SQL texts are in `sql/`."""
