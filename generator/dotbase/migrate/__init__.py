"""Applying rendered steps to a database: under a lock, all or nothing, with books that tell the way back."""
