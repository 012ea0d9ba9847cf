"""Where a message may go: the lane's hosts, over TLS; without it to this machine alone, and only in tests."""

from __future__ import annotations

import pytest
from yarl import URL

from dotbase.relay.authorisation import address
from dotbase.relay.lanes import require_host
from dotbase.relay.messages import UnsendableError

HOSTS = ("api.example.com", "api.example.com:8443", "http://127.0.0.1:8080", "http://[::1]:8080")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/x",
        "https://api.example.com:443/x",
        "https://API.example.com/x",
        "https://api.example.com:8443/x?y=1",
        "http://127.0.0.1:8080/x",
        "http://[::1]:8080/x",
    ],
)
def test_a_host_of_the_lane_is_let_through(url: str) -> None:
    require_host(URL(url, encoded=True), HOSTS, loopback_http=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/x",
        "https://evil-api.example.com/x",
        "https://api.example.com.evil.net/x",
        "https://api.example.com:444/x",
        "https://api.example.com@evil.net/x",
        "https://user:word@api.example.com/x",
        "https://evil.net/api.example.com",
        "https://evil.net\\@api.example.com/x",
        "https://evil.net#@api.example.com/x",
        "http://api.example.com/x",
        "http://api.example.com:443/x",
        "https://127.0.0.1:8080/x",
        "http://127.0.0.1:8081/x",
        "http://169.254.169.254/latest/meta-data",
        "ftp://api.example.com/x",
        "file:///etc/passwd",
        "//api.example.com/x",
        "/x",
        "",
        "https://",
        "https://api.example.com:99999/x",
        "https://api.example.com/x y",
        "https://api.example.com/x\r\nHost: evil.net",
        "https://api.example.com/x#y",
        "https://[::1/x",
    ],
)
def test_any_other_is_refused(url: str) -> None:
    with pytest.raises(UnsendableError, match=r"host_refused|request_invalid"):
        require_host(address(url), HOSTS, loopback_http=True)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/x", "http://[::1]:8080/x"])
def test_without_the_option_nothing_leaves_without_tls(url: str) -> None:
    with pytest.raises(UnsendableError, match="host_refused"):
        require_host(URL(url, encoded=True), HOSTS, loopback_http=False)


def test_the_option_lets_no_name_through_that_is_not_an_address_of_this_machine() -> None:
    for host in ("http://api.example.com", "http://localhost:80", "http://10.0.0.1"):
        with pytest.raises(UnsendableError, match="host_refused"):
            require_host(URL(f"{host}/x"), (host,), loopback_http=True)
