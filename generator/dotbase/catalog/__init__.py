"""The system catalogs, read: no other package names one of their tables, and a test holds the tool to it.

A module a kind of object (relations, routines, privileges, …) with one query for it, whose rows are small
frozen dataclasses. Whoever asks gets what it needs: these schemas, this owner, these roles. Names in
queries carry their schema, since the search_path of a live database may lead elsewhere. `advice` has the
views over which the rules of `dotbase advise` are written, since a rule is a file of SQL.
"""
