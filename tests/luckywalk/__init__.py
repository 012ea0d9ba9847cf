"""LuckyWalk as its walkers, administrators, jobs and owner meet it."""
