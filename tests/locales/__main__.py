"""`python -m tests.locales`: brings every catalog up to the messages there are."""

from tests.locales import catalogs
from tests.locales.extraction import extract

found = extract()
for language in catalogs.translated():
    catalogs.merge(language, found)
    lacking = catalogs.lacking(catalogs.load(language))
    print(f"{language}: {len(found.messages)} messages, {len(lacking)} to be translated")
for problem in found.problems:
    print(f"not a message that can be translated: {problem}")
