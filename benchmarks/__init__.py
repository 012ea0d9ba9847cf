"""The measured claims of docs/benchmarks.md: each beside the least that Postgres must do, in the same run."""
