"""What is known of a request before any dialect looks at it."""

import pytest

from whipround.api.context import Call


@pytest.mark.parametrize(
    ("client", "counted"),
    [
        pytest.param(("192.0.2.1", 80), "192.0.2.1", id="IPv4"),
        pytest.param(("2001:db8:1:2::a", 80), "2001:db8:1:2::/64", id="IPv6"),
        pytest.param(("2001:DB8:1:2:ffff::b", 80), "2001:db8:1:2::/64", id="the same network"),
        pytest.param(("fe80::1%eth0", 80), "fe80::/64", id="with a zone"),
        pytest.param(("::ffff:192.0.2.1", 80), "192.0.2.1", id="IPv4 in IPv6"),
        pytest.param(("proxy:unix", 80), "proxy:unix", id="no address"),
        pytest.param(None, "", id="none"),
    ],
)
def test_limits_count_an_ipv6_network_as_one_caller(
    client: tuple[str, int] | None, counted: str
) -> None:
    assert Call({"client": client}, {}).remote_address == counted
