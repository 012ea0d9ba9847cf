"""Scheduled jobs as people see them: the session, what is asked, how it is shown."""
