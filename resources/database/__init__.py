"""The database: where it is, connections to it, the stores that write to it and read from it. SQL is in `sql/`.

What it is made of is in `schema`, how it is saved and brought back in `backups`.
"""
