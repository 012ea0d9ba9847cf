"""`make check`: lint and tests of what changed, in less than a minute."""
