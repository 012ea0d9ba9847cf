"""The runtime under pg_cron's real launcher, in real minutes."""
