"""Hostile input to every door, generated from its signature."""
