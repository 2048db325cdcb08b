"""The nouns and contracts: Pandera models of tables in flight, records of reports, the root of the error tree.

Validation belongs here. Behaviour beyond it, I/O and Dagster do not.
"""
