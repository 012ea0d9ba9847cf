"""Drift: hand-made changes of every kind, each found, and nothing else."""
