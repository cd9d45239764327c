"""What an address at GitHub is of."""

import pytest

from whipround.gateways.github.addresses import (
    Address,
    IssueAddress,
    ProfileAddress,
    RepositoryAddress,
    address_of,
)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://github.com/octocat", ProfileAddress("octocat")),
        ("http://www.github.com/octocat/", ProfileAddress("octocat")),
        ("https://GitHub.com:443/Octo-Cat?tab=repositories", ProfileAddress("Octo-Cat")),
        ("https://github.com/octocat/Hello-World", RepositoryAddress("octocat", "Hello-World")),
        ("https://github.com/octocat/a.b_c/#readme", RepositoryAddress("octocat", "a.b_c")),
        ("https://github.com/octocat/Hello.git", RepositoryAddress("octocat", "Hello")),
        ("https://github.com/a/b/issues/189", IssueAddress("a", "b", 189)),
        ("https://github.com/a/b/issues/189#issuecomment-1", IssueAddress("a", "b", 189)),
        ("https://github.com/a/b/pull/7", IssueAddress("a", "b", 7)),
        ("https://github.com/a/b/pull/7/files", IssueAddress("a", "b", 7)),
    ],
)
def test_addresses(url: str, address: Address) -> None:
    assert address_of(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/",
        "https://github.com",
        "https://github.com/settings/profile",
        "https://github.com/topics/python",
        "https://github.com/orgs/a/people",
        "https://github.com/-octocat",
        "https://github.com/octocat[bot]",
        "https://github.com/" + "a" * 40,
        "https://github.com/a/..",
        "https://github.com/a/.git",
        "https://github.com/a/b/tree/main",
        "https://github.com/a/b/issues",
        "https://github.com/a/b/issues/0",
        "https://github.com/a/b/issues/x",
        "https://github.com/a/b/issues/1/2",
        "https://github.com/a/b/issues/99999999999",
        "https://github.com/a%2Fb",
        "https://github.com/a//b",
        "https://github.com:8080/octocat",
        "https://me:secret@github.com/octocat",
        "https://github.com@example.com/octocat",
        "https://gist.github.com/octocat",
        "https://github.com.example.com/octocat",
        "https://api.github.com/users/octocat",
        "ftp://github.com/octocat",
        "github.com/octocat",
        "https://[github.com/octocat",
        "https://github.com:x/octocat",
        "",
    ],
)
def test_what_is_none_of_them(url: str) -> None:
    assert address_of(url) is None
