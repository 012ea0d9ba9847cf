"""The test harness: a real server, and the database driven as its users drive it."""
