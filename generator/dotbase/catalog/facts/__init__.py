"""Facts of every object, for comparison: what a snapshot of one database is, and the queries that take it."""
