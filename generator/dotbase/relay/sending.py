"""One attempt: a message becomes a request, and what came of it a report."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime

import aiohttp
from aiohttp import ClientRequest, ClientResponse, ClientTimeout
from aiohttp.client_middlewares import ClientHandlerType
from yarl import URL

from dotbase.relay import authorisation, responses
from dotbase.relay.authorisation import Outgoing
from dotbase.relay.credentials import Credentials
from dotbase.relay.google_tokens import GoogleTokens
from dotbase.relay.lanes import Lane, require_host
from dotbase.relay.messages import Message, Report, UnsendableError
from dotbase.relay.resolving import LaneResolver

HEADER_LIMIT = 32768  # bytes of one header
HEADERS = 256
# What the client says, and whether the receiver may have got the request. The first that fits is told.
ERRORS: tuple[tuple[type[BaseException], str, bool], ...] = (
    (aiohttp.ConnectionTimeoutError, "connect_timeout", False),
    (aiohttp.ClientConnectorDNSError, "dns_failed", False),
    (aiohttp.ClientConnectorCertificateError, "tls_failed", False),
    (aiohttp.ClientSSLError, "tls_failed", False),
    (aiohttp.ClientConnectorError, "connect_failed", False),
    (aiohttp.ClientHttpProxyError, "proxy_refused", False),
    (aiohttp.InvalidURL, "request_invalid", False),
    (aiohttp.ClientPayloadError, "connection_lost", True),
    (aiohttp.ClientResponseError, "response_invalid", True),
    (aiohttp.ClientConnectionError, "connection_lost", True),
    (TimeoutError, "timeout", True),
    (aiohttp.ClientError, "client_failed", True),
    (OSError, "connection_lost", True),
    (ValueError, "request_invalid", False),
)
FORESEEN = tuple(kind for kind, _, _ in ERRORS)


class ConnectionLostError(aiohttp.ClientError):
    """The connection ended under a request that may have arrived."""


class Sender:
    """The requests of one lane, over connections of its own."""

    def __init__(
        self,
        lane: str,
        credentials: Credentials,
        tokens: GoogleTokens,
        agent: str,
        *,
        loopback_http: bool = False,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        self._credentials = credentials
        self._tokens = tokens
        self._agent = agent
        self._loopback_http = loopback_http
        self._proxies = dict(proxies or {})
        self._session = aiohttp.ClientSession(
            # Requests are counted before they begin; a limit here would let them wait within their time.
            connector=aiohttp.TCPConnector(limit=0, resolver=LaneResolver(lane), ttl_dns_cache=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=HEADER_LIMIT,
            max_field_size=HEADER_LIMIT,
            max_headers=HEADERS,
            middlewares=(_once,),
        )

    async def close(self) -> None:
        """End the lane's connections."""
        await self._session.close()

    async def send(self, lane: Lane, message: Message, seconds: float) -> Report:
        """Make one attempt within this time; a DatabaseGoneError when a secret cannot be asked for now."""
        began = False
        try:
            async with asyncio.timeout(seconds):
                outgoing = authorisation.prepared(message, self._agent)
                await authorisation.authorise(lane, outgoing, message, self._credentials)
                require_host(outgoing.url, lane.hosts, self._loopback_http)
                if lane.auth.kind == "google":
                    await self._with_token(lane, outgoing)
                began = True
                return await self._attempt(lane, message, outgoing)
        except UnsendableError as error:
            return Report(message.message_id, message.lease_no, error=error.code, was_sent=False)
        except ConnectionLostError:
            return Report(message.message_id, message.lease_no, error="connection_lost")
        except FORESEEN as error:
            code, was_sent = next((c, w) for kind, c, w in ERRORS if isinstance(error, kind))
            return Report(message.message_id, message.lease_no, error=code, was_sent=was_sent and began)

    async def _attempt(self, lane: Lane, message: Message, outgoing: Outgoing) -> Report:
        report = await self._exchange(lane, message, outgoing)
        if report.status in (401, 403):
            self._credentials.forget()
        if report.status == 401 and outgoing.token is not None:
            # It may have been withdrawn before its time. What was refused has done nothing: it may go again.
            self._tokens.forget(outgoing.token)
            await self._with_token(lane, outgoing)
            report = await self._exchange(lane, message, outgoing)
        return report

    async def _with_token(self, lane: Lane, outgoing: Outgoing) -> None:
        account = await self._credentials.get(lane.auth.secrets[0])
        proxy = self._proxy(URL("https://oauth2.googleapis.com"))
        authorisation.bear(outgoing, await self._tokens.get(self._session, account, lane.auth.scope, proxy))

    async def _exchange(self, lane: Lane, message: Message, outgoing: Outgoing) -> Report:
        async with self._session.request(
            outgoing.method,
            outgoing.url,
            headers=outgoing.headers,
            data=outgoing.body if outgoing.body or outgoing.method not in ("GET", "DELETE") else None,
            allow_redirects=False,
            proxy=self._proxy(outgoing.url),
            timeout=ClientTimeout(total=None, connect=lane.connect_timeout),
        ) as response:
            return await _read(lane, message, outgoing, response)

    def _proxy(self, url: URL) -> str | None:
        proxy = self._proxies.get(url.scheme)
        if proxy is None or urllib.request.proxy_bypass(url.host or ""):
            return None
        return proxy


async def _read(lane: Lane, message: Message, outgoing: Outgoing, response: ClientResponse) -> Report:
    error = body = None
    try:
        body = responses.without(outgoing.secrets, await responses.read_body(response, lane.response_limit))
    except responses.TooLargeError as large:
        error = large.code
    return Report(
        message.message_id,
        message.lease_no,
        status=response.status,
        error=error,
        retry_after=responses.retry_after(response.headers.get("Retry-After", ""), datetime.now(UTC)),
        headers=responses.headers_without(outgoing.secrets, responses.headers(response)),
        body=body,
    )


async def _once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """The client would send an idempotent method again over another connection, and nobody would count it."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        raise ConnectionLostError from None
