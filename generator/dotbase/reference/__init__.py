"""The API as its clients depend on it: written down to be seen in a diff, and compared before a change."""
