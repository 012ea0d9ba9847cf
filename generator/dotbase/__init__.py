"""dotbase: a Postgres-native backend whose every rule lives in the database.

The package renders SQL from templates, applies it, checks it, and generates what
clients and operators need from it. It decides nothing that a client, a cron tick
or a DBA could bypass.
"""
