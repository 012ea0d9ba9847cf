"""pg_cron's real launcher, watched for minutes: `make test-launcher`. Other runs leave this folder out."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("LAUNCHER") else ["test_*.py"]
