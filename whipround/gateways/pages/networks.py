"""Which network addresses belong to the public, and may be asked on behalf of a user.

After the IANA special-purpose address registries (RFC 6890 and what came after). They are written
out here: what `ipaddress` knows of them differs from one Python to the next.
"""

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

LOOPBACK: Sequence[Network] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

_NOT_PUBLIC_4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # behind a carrier
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, where clouds answer for their machines
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # relays to IPv6
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
]

# Whatever is not in here is not handed out to anybody.
_PUBLIC_6 = IPv6Network("2000::/3")

_NOT_PUBLIC_6 = [
    IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo and other protocols
        "2001:db8::/32",
        "2002::/16",  # an IPv4 address, and a way to it that is no more
        "2620:4f:8000::/48",
        "3fff::/20",
    )
]

# A network without IPv4 reaches it by these: the last 32 bits are the address.
_NAT64 = IPv6Network("64:ff9b::/96")


def parse_networks(text: str) -> list[Network]:
    """The addresses and networks in a setting, with commas between them. Raises ValueError."""
    return [ip_network(part.strip()) for part in text.split(",") if part.strip()]


def is_public(address: Address) -> bool:
    """Whether the address is one that anybody on the internet can reach."""
    meant = _meant(address)
    if isinstance(meant, IPv4Address):
        return not any(meant in network for network in _NOT_PUBLIC_4)
    return meant in _PUBLIC_6 and not any(meant in network for network in _NOT_PUBLIC_6)


def may_ask(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether the address is public, or in one of the networks that are allowed all the same."""
    meant = _meant(address)
    return is_public(address) or any(
        meant in network for network in allowed if network.version == meant.version
    )


def parse_address(text: str) -> Address:
    """An address as a resolver gives it. Raises ValueError."""
    return ip_address(text)


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
