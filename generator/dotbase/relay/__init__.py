"""`dotbase relay`: takes what the outbox has leased to it over HTTP, and reports what it saw.

It decides nothing: the database says what leaves, how often, and what an answer means. A lane has a loop,
connections, a resolver and a reporter of its own, so that one that fails or is full holds up no other.
"""
