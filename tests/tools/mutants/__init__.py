"""Mutants: the house weakened in one place at a time, to see that a test dies of it (`make mutants`)."""
