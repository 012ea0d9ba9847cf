"""Hostile input to every RPC, generated from its signature."""
