"""Documents of reference rates, as the European Central Bank publishes them, and as it does not."""

DAILY = b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
        xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
\t<gesmes:subject>Reference rates</gesmes:subject>
\t<gesmes:Sender>
\t\t<gesmes:name>European Central Bank</gesmes:name>
\t</gesmes:Sender>
\t<Cube>
\t\t<Cube time='2026-01-14'>
\t\t\t<Cube currency='USD' rate='1.1651'/>
\t\t\t<Cube currency='JPY' rate='184.87'/>
\t\t\t<Cube currency='BGN' rate='1.9558'/>
\t\t\t<Cube currency='CZK' rate='24.270'/>
\t\t\t<Cube currency='DKK' rate='7.4722'/>
\t\t\t<Cube currency='GBP' rate='0.86730'/>
\t\t\t<Cube currency='HUF' rate='385.65'/>
\t\t\t<Cube currency='ISK' rate='147.00'/>
\t\t\t<Cube currency='IDR' rate='19666.44'/>
\t\t\t<Cube currency='MXN' rate='20.7638'/>
\t\t</Cube>
\t</Cube>
</gesmes:Envelope>
"""

DAYS = DAILY.replace(
    b"\t</Cube>\n</gesmes",
    b"\t\t<Cube time='2026-01-13'><Cube currency='USD' rate='1.1700'/></Cube>\n\t</Cube>\n</gesmes",
)
"""Of several days, as the document of the last ninety."""


def of(time: str) -> bytes:
    """The daily document, published on another day."""
    return DAILY.replace(b"2026-01-14", time.encode())
