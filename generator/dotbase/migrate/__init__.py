"""Applying rendered steps to a database: under a lock, all or nothing, with a history that leads back."""
