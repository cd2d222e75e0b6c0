"""Whether an address is this machine's own: load is sent elsewhere only by people who say so."""

from __future__ import annotations

import ipaddress

from interim.loadtest.entries import ScenarioError


def is_loopback(target: str) -> bool:
    """Whether a gRPC target (`HOST:PORT`, `[::1]:PORT`, `unix:PATH`) can only be this machine."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    address = target.removeprefix("dns:").lstrip("/").removeprefix("ipv4:").removeprefix("ipv6:")
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: it may mean any machine
        return False


def check_target(server: str, *, allowed: bool) -> None:
    """Refuses to send load to another machine, unless that was said.

    Raises:
        ScenarioError: It was not said.
    """
    if not (allowed or is_loopback(server)):
        raise ScenarioError(
            f"{server} is not this machine: load sent elsewhere can take a service down; "
            "say --allow-remote if it is yours"
        )
