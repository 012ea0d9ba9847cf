"""Attacks by hand: each test is named after what the attacker wants, and passes when he gets nothing."""
