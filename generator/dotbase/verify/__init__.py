"""Declarations held against a database: what they name exists, and nothing is there or allowed beside it."""
