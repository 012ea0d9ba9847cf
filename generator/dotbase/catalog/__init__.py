"""The system catalogs, read: the only package that does, a query a kind, each caller only what it needs."""
