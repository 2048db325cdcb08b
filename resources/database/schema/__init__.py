"""What the database is made of: brought to this code's schema, held to it, shown. What its tables hold is not.

Commands that store bring the schema up through `migrations`; the rest is for `intraday db`.
"""
