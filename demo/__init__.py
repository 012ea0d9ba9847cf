"""The demo: walkers live through the latest lottery weeks, then everything is counted again."""
