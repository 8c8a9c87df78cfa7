"""Proxies: what http_proxy and its kin name is never asked for a Prefect server on this machine."""

import ipaddress
import os
import socket
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

import httpx

from runbook.errors import SettingsInvalid

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def bypass(url: str = "") -> None:
    """Let this process and its programs reach this machine without a proxy, also by the name that ``url`` gives it.

    Call it before a client is made. What lies elsewhere still goes through the proxy. Raises SettingsInvalid for a
    proxy that no client can be made with.
    """
    named = getproxies_environment()
    if not {"http", "https", "all"} & set(named):
        return
    listed = [host.strip() for host in named.get("no", "").split(",") if host.strip()]
    if "*" not in listed:
        here = [*LOOPBACK, *([host] if (host := _host(url)) and _is_here(host) else [])]
        listed += [host for host in here if host not in listed]
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(listed)
    if not url or _is_here(_host(url)):
        _forget_socks()
    _check()


def _forget_socks() -> None:
    """Leave a SOCKS proxy out: httpx as it is installed cannot use it, and nothing would go through it."""
    for name in ("all_proxy", "ALL_PROXY"):
        if os.environ.get(name, "").startswith("socks"):
            del os.environ[name]


def _check() -> None:
    """Make a client: it opens a way to each proxy that is named, also where none would be used."""
    try:
        httpx.Client().close()
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise SettingsInvalid(
            f"http_proxy, https_proxy or all_proxy names a proxy that cannot be used: {error}",
            "Correct it, or unset it for this command: env -u ALL_PROXY -u all_proxy …",
            "Nothing was started.",
        ) from None


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_here(host: str) -> bool:
    """Tell whether a host is this machine by its loopback; a name is looked up."""
    try:
        found = {str(place[4][0]).partition("%")[0] for place in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False
    return all(address.is_loopback or address.is_unspecified for address in map(ipaddress.ip_address, found))
