"""The Prefect server that PREFECT_API_URL names: the only one that is talked to, never a temporary one."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_SSL_CERT_FILE, PREFECT_API_TLS_INSECURE_SKIP_VERIFY, PREFECT_API_URL

from flows import proxies
from runbook.errors import RollbackError

if TYPE_CHECKING:
    from prefect.client.orchestration.routes import ServerRoutes

MISSING = 404
SECONDS = 10


class ServerUnreachable(RollbackError):
    """No Prefect server is configured, or the one that is does not answer."""


class ServerRefused(RollbackError):
    """The Prefect server answered with an error; what it said is in the problem."""


def check() -> None:
    """Raise ServerUnreachable or ServerRefused at once where no client could work with the configured server."""
    with connected():
        pass


@contextmanager
def connected() -> Iterator[SyncPrefectClient]:
    """Lend a client of the configured server. Raises ServerUnreachable, ServerRefused."""
    url = address()
    proxies.bypass(url)
    try:
        # A client of an address that nobody listens on tries for a long time; this says so at once.
        httpx.get(f"{url}/health", timeout=SECONDS, verify=_trust()).raise_for_status()
        with get_client(sync_client=True) as client:
            yield client
    except (PrefectHTTPStatusError, httpx.HTTPStatusError) as error:
        raise _refused(error) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServerUnreachable(
            f"The Prefect server at {url} does not answer: {str(error) or type(error).__name__}.",
            "Start it (prefect server start), or name the right one: export PREFECT_API_URL=http://HOST:4200/api",
            "Nothing was sent.",
        ) from None


def _trust() -> ssl.SSLContext | bool:
    """Return whose certificates are believed, by the settings that Prefect's own client goes by."""
    if PREFECT_API_TLS_INSECURE_SKIP_VERIFY.value():
        return False
    file = PREFECT_API_SSL_CERT_FILE.value()
    return ssl.create_default_context(cafile=file) if file else True


def address() -> str:
    """Return the configured server's address. Raises ServerUnreachable when there is none."""
    url = PREFECT_API_URL.value()
    if not url:
        raise ServerUnreachable(
            "No Prefect server is configured.", "export PREFECT_API_URL=http://HOST:4200/api", "Nothing was sent."
        )
    return str(url).rstrip("/")


def _refused(error: httpx.HTTPStatusError) -> ServerRefused:
    """Say what the server said, and what to do when it asks who we are."""
    unknown = error.response.status_code in (401, 403)
    remedy = "Set PREFECT_API_AUTH_STRING." if unknown else "Mend that, then do it again."
    return ServerRefused(f"The Prefect server refused ({error.response.status_code}): {said(error.response)}", remedy)


def said(response: httpx.Response) -> str:
    """Return what the server said of an error, in one line."""
    try:
        detail = response.json()
    except ValueError:
        return response.text.strip()[:500]
    if not isinstance(detail, dict):
        return str(detail)
    return str(detail.get("detail") or detail.get("exception_detail") or detail.get("exception_message") or detail)


def read(client: SyncPrefectClient, route: "ServerRoutes", **place: str) -> dict[str, Any] | None:
    """Return what the API has at a route, None when there is nothing."""
    try:
        # Not by the client's methods: their models add fields that the server did not send.
        found: dict[str, Any] = client.request("GET", route, path_params=place).json()
    except PrefectHTTPStatusError as error:
        if error.response.status_code == MISSING:
            return None
        raise
    return found
