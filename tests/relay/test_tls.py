"""TLS is verified, as the machine's own store of certificates has it; proxies are asked for by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from dotbase.errors import DotbaseError
from dotbase.relay.process import checked_proxies
from tests.harness.databases import Database
from tests.relay import certificates
from tests.relay.receiver import Receiver, receiving
from tests.relay.relaying import attempts, enqueue, lane, open_shop, run_once


def _send(db: Database, receiver: Receiver, *arguments: str, **env: str) -> tuple[str, str | None]:
    """One message to https://localhost; what came of it."""
    # No declaration may name this machine with TLS.
    open_shop(
        db, {**lane("letters", receiver, connect_timeout="2s"), "hosts": [f"localhost:{receiver.port}"]}
    )
    message_id = enqueue(db, "letters", "/ok")
    run_once(db, *arguments, env=env)
    [attempt] = attempts(db, message_id)
    return attempt["outcome"], attempt["error"]


def test_a_certificate_that_nobody_vouches_for_is_refused(db: Database, tmp_path: Path) -> None:
    _, context = certificates.made(tmp_path)
    with receiving(context) as receiver:
        assert _send(db, receiver) == ("failed", "tls_failed")
        assert receiver.requests == []


def test_a_certificate_for_another_name_is_refused(db: Database, tmp_path: Path) -> None:
    file, context = certificates.made(tmp_path, "elsewhere.example.com")
    with receiving(context) as receiver:
        assert _send(db, receiver, SSL_CERT_FILE=str(file)) == ("failed", "tls_failed")
        assert receiver.requests == []


def test_a_certificate_that_the_machine_trusts_is_taken(db: Database, tmp_path: Path) -> None:
    file, context = certificates.made(tmp_path)
    with receiving(context) as receiver:
        assert _send(db, receiver, SSL_CERT_FILE=str(file)) == ("delivered", None)


def test_a_server_without_tls_gets_nothing(db: Database, receiver: Receiver) -> None:
    """It waits for a request, and the relay for its certificate."""
    assert _send(db, receiver) == ("failed", "connect_timeout")
    assert receiver.requests == []


@pytest.mark.parametrize(("arguments", "error"), [((), None), (("--environment-proxies",), "connect_failed")])
def test_proxies_of_the_environment_are_used_when_asked_for(
    arguments: tuple[str, ...], error: str | None, db: Database, tmp_path: Path
) -> None:
    file, context = certificates.made(tmp_path)
    with receiving(context) as receiver:
        env = {"SSL_CERT_FILE": str(file), "HTTPS_PROXY": "http://127.0.0.1:1", "https_proxy": ""}
        env = {name: value for name, value in env.items() if value}
        assert _send(db, receiver, *arguments, **env)[1] == error


@pytest.mark.parametrize("proxy", ["socks5://user:pass-word@127.0.0.1:1", "http://", "pass-word"])
def test_a_proxy_that_cannot_be_used_is_refused_and_not_repeated(proxy: str) -> None:
    with pytest.raises(DotbaseError, match="for https cannot be used") as refused:
        checked_proxies({"https": proxy, "no": "localhost"})
    assert "pass-word" not in refused.value.sentence
