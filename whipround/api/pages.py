"""Pages for people who follow a link in a mail, without a client of ours."""

from html import escape

from whipround.api.context import Headers
from whipround.locales import ENGLISH, language, translate

HTML = b"text/html; charset=utf-8"

# Nothing from elsewhere; and the address, which has the token in it, is told to nobody.
HEADERS: Headers = (
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)

_LONGEST_HEADER = 1000

_PAGE = """\
<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1.1rem/1.5 system-ui, sans-serif; margin: 15vh auto; max-width: 32rem;
  padding: 0 1.5rem; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.5rem; line-height: 1.25; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{text}</p>
</body>
</html>
"""


def page(title: str, text: str, *, locale: str) -> bytes:
    """A page that says something, for a reader of the locale; both are messages."""
    return _PAGE.format(
        language=language(locale) or ENGLISH,
        title=escape(translate(title, locale)),
        text=escape(translate(text, locale)),
    ).encode()


def prefers_page(accept: bytes) -> bool:
    """Whether an Accept header likes pages better than JSON, as those of browsers do."""
    liked: dict[str, float] = {}
    for each in accept[:_LONGEST_HEADER].decode("latin-1").lower().split(","):
        kind, *parameters = (part.strip() for part in each.split(";"))
        is_page = kind in {"text/html", "application/xhtml+xml"}
        if is_page or kind.endswith(("/json", "+json")):
            name = "page" if is_page else "json"
            liked[name] = max(liked.get(name, 0), _quality(parameters))
    return liked.get("page", 0) > liked.get("json", 0)


def _quality(parameters: list[str]) -> float:
    for each in parameters:
        name, _, value = each.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0), 1)
            except ValueError:
                return 0
    return 1
