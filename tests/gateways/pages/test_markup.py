"""What is picked from HTML, and how long that takes."""

import time

import pytest

from whipround.gateways.pages.markup import MAX_ATTRIBUTES, excerpt

SIZE = 512 * 1024


PAGE = """<!doctype html><html lang=en><head><title>A&amp;B</title><meta name=a content='b'>
<link rel=c href=d /></head><body class=x><p>text</p></body></html>"""
PICKED = """<html lang=en>
<title>A&amp;B</title>
<meta name=a content='b'>
<link rel=c href=d />"""


def kept(html: str, *, is_xml: bool = False) -> str:
    """What is kept of it, without the first line."""
    doctype, _, rest = excerpt(html, is_xml=is_xml).partition("\n")
    assert doctype == "<!DOCTYPE html>"
    return rest


@pytest.mark.parametrize(
    ("html", "picked"),
    [
        (PAGE, PICKED),
        ("<title>1</title><title>2</title><html><html>", "<title>1</title>\n<html>"),
        ("<p><META a><Base b><a href=c>", "<META a>\n<Base b>"),
        ("<area rel=Copyright>", "<area rel=Copyright></area>"),
        # Not in the midst of what is no markup.
        ("<!-- <meta a> --><meta b>", "<meta b>"),
        ("<!--><meta a>--><meta b>", "<meta a>\n<meta b>"),
        ("<!---><meta a>", "<meta a>"),
        ("<!-- --!><meta a>", "<meta a>"),
        ("<!-- <meta a>", ""),
        ("<!x <meta a><meta b>", "<meta b>"),
        ("<?php <meta a> ?><meta b>", "<meta b>"),
        ("</><meta a></3 <meta b><meta c>", "<meta a>\n<meta c>"),
        ("<script>'<meta a>'</SCRIPT ><meta b>", "<meta b>"),
        ("<script>'</scripts><meta a>'</script><meta b>", "<meta b>"),
        ("<style><meta a></style><textarea><meta b></textarea><meta c>", "<meta c>"),
        ("<svg><title>x</title></svg><svg/><title>y</title>", "<title>y</title>"),
        ("<template><meta a></template><iframe><meta b></iframe><meta c>", "<meta c>"),
        ("<script><meta a>", ""),
        ("<plaintext><meta a>", ""),
        ("<noscript><meta a></noscript>", "<meta a>"),
        # An attribute is what HTML takes for one.
        ("<img alt='<meta a>'><meta b>", "<meta b>"),
        ('<img alt="a>b"><meta a="x>y">', '<meta a="x>y">'),
        ("<img alt=it's><meta a>", "<meta a>"),
        ("<img a'b\"c><meta a>", "<meta a>"),
        ("<img =a=b><meta a = 'b'c/d>", "<meta a = 'b'c/d>"),
        ("<img a=><meta b=>", "<meta b=>"),
        ("<meta a=\"b'c\" d='e\"f'>", "<meta a=\"b'c\" d='e\"f'>"),
        ("<img alt='<meta a>", ""),
        ('<img alt="<meta a>', ""),
        ("<meta a", ""),
        # Text that looks like it.
        ("1 < 2 <3 << <meta a>", "<meta a>"),
        ("<metal a><meta-a><linkx>", ""),
        ("", ""),
        ("\x00\x01", ""),
        ("{}", ""),
    ],
)
def test_what_is_picked(html: str, picked: str) -> None:
    assert kept(html) == picked


def test_in_xml_an_element_may_end_where_it_begins() -> None:
    xml = "<?xml version='1.0'?><script src='a'/><title/><meta a='b'/>"

    assert kept(xml, is_xml=True) == "<title></title>\n<meta a='b'/>"
    assert kept(xml) == ""


def test_an_element_with_more_attributes_than_anybody_needs_says_nothing() -> None:
    some = " ".join(f"a{number}" for number in range(MAX_ATTRIBUTES))

    assert kept(f"<meta {some}>") == f"<meta {some}>"
    assert kept(f"<meta {some} b>") == ""


@pytest.mark.parametrize(
    "part",
    [
        *("<", "<a", "<a ", "<a b=", '<a b="', "<a b='", "</", "<!", "<!-", "<!--", "<?", "<a>"),
        *("<div>", "<a><b>", "<title>", "<script>", "<script></script>", "<meta ", "<meta a>"),
        *("<html a>", "<a copyright>", "<base href=x>", "<svg>", "</b>", " ", "=", "x", "\x00"),
    ],
)
def test_time_is_bounded_by_length(part: str) -> None:
    for before in ("", "<meta ", "<!--", "<title>"):
        html = before + part * ((SIZE - len(before)) // len(part))

        began = time.process_time()
        excerpt(html)

        assert time.process_time() - began < 1  # some hundredths; a square would be minutes
