"""Advice: what experience says against the live catalog, one rule a file, one row a finding."""
