"""From what somebody wants to pay to who is paid what: the web is asked, then people are found."""
