"""Tests of the local server and of connections."""
