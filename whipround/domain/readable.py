"""What can be read of a text: names that look empty, or like another one, are no names."""

import re
import unicodedata

# Blanks, though Unicode has them as letters and as a symbol.
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
# They shape the letters around them, in Persian and in languages of India, and join emoji.
_JOINERS = frozenset("\u200c\u200d")
# What holds the parts of web and mail addresses together, though not what ends an abbreviation.
_JOINTS = re.compile(r"[./:@\\\u3002\uff0e\uff61]+(?=\S)")
_INVISIBLE = frozenset({"Cf", "Cn", "Co", "Cs"})


def is_readable(text: str) -> bool:
    """Whether something of it is seen, and nothing is hidden in it but control characters."""
    for at, character in enumerate(text):
        if character in _JOINERS:
            around = text[at - 1 : at] + text[at + 1 : at + 2]
            if len(around) < 2 or any(it.isspace() or it in _JOINERS for it in around):
                return False
        elif character in _FILLERS or unicodedata.category(character) in _INVISIBLE:
            return False
    # Letters, digits, punctuation, symbols; marks only show on top of one.
    return any(unicodedata.category(it)[0] in "LNPS" for it in text)


def made_readable(text: str, *, most: int) -> str:
    """What can be read of it, on one line of at most so many characters; perhaps nothing."""
    line = _one_line(text, most)
    if is_readable(line) and all(unicodedata.category(it) != "Cc" for it in line):
        return line
    seen = (unicodedata.category(it)[0] not in "CZ" and it not in _FILLERS for it in line)
    line = _one_line("".join(it if ok else " " for it, ok in zip(line, seen, strict=True)), most)
    return line if is_readable(line) else ""


def without_links(text: str, *, most: int) -> str:
    """At most so many characters of a name, of which no mail program makes an address to follow."""
    return _one_line(_JOINTS.sub(" ", text), most)


def _one_line(text: str, most: int) -> str:
    return " ".join(text.split())[:most].rstrip()
