"""What all pages of documentation are made with."""

from whipround.api.docs import prose


def test_prose_is_escaped() -> None:
    assert prose("a <b>\n`c<d`\n\n- x\n- `y`") == (
        "<p>a &lt;b&gt; <code>c&lt;d</code></p><ul><li>x<li><code>y</code></ul>"
    )
    assert prose(None) == ""
