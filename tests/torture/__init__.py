"""kill -9 of a draw and of a settlement at random instants: old or new, never between."""
