"""Which addresses are public."""

from ipaddress import ip_address

import pytest

from whipround.gateways.messages.protocol import GatewayMisconfigured
from whipround.gateways.pages.live import fetcher_of
from whipround.gateways.pages.networks import is_public, may_ask, parse_networks
from whipround.settings import Settings

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
]

NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("text", PUBLIC)
def test_public(text: str) -> None:
    assert is_public(ip_address(text))
    assert may_ask(ip_address(text), [])


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_not_public(text: str) -> None:
    assert not is_public(ip_address(text))
    assert not may_ask(ip_address(text), [])


def test_allowed_all_the_same() -> None:
    allowed = parse_networks("10.1.0.0/16, ::1,192.168.7.7")

    assert may_ask(ip_address("10.1.2.3"), allowed)
    assert may_ask(ip_address("::ffff:10.1.2.3"), allowed)
    assert may_ask(ip_address("::1"), allowed)
    assert may_ask(ip_address("192.168.7.7"), allowed)
    assert not may_ask(ip_address("10.2.0.1"), allowed)
    assert not may_ask(ip_address("192.168.7.8"), allowed)
    assert not may_ask(ip_address("127.0.0.1"), allowed)


@pytest.mark.parametrize("text", ["example.com", "10.0.0.1/8", "10.0.0.0/33", "1.2.3"])
def test_a_setting_that_is_no_network(text: str) -> None:
    with pytest.raises(GatewayMisconfigured, match="WHIPROUND_FETCH_ALLOW"):
        fetcher_of(Settings(fetch_allow=text), sandbox=True)
