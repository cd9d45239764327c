"""Payment scripts that GitHub's answers come to: its pages have none of their own.

A repository pays who wrote it, by their commits; an issue those who took part, a share for each
role they had. Money for an open issue is pledged: who is to get it shows when it is closed.
"""

from collections.abc import Iterable

from whipround.domain.scripts.addresses import normalised
from whipround.domain.scripts.recipients import Recipient
from whipround.domain.scripts.script import Participant, Parts, Script
from whipround.domain.scripts.texts import DESCRIPTION, TITLE
from whipround.flows.scripts.spelling import spelled
from whipround.gateways.github.saying import Issue, Person, Repository

CONTRIBUTOR = "Contributor"
PARTICIPANT = "Participant"
ASSIGNEE = "Assignee"
CLOSER = "Closer"
"""The roles of those who are paid."""

LANGUAGE = "EN"
"""That of the titles, which are made here; GitHub does not say what language people write in."""


def script_of_repository(said: Repository) -> Script:
    """Who wrote a repository; nobody, where nobody has an account."""
    return Script(
        participants=tuple(
            Participant(_recipient(each.person), CONTRIBUTOR, Parts(each.commits))
            for each in said.contributors
        ),
        type="donation",
        title=f"Github repository {said.name}"[: TITLE.most],
        description=said.description and said.description[: DESCRIPTION.most],
        language=LANGUAGE,
        image=normalised(said.image or ""),
        keywords=said.keywords,
    )


def script_of_issue(said: Issue) -> Script:
    """Who took part in an issue: wrote of it, was to see to it, or has closed it."""
    authors = () if said.author is None else (said.author,)
    closers = () if said.closed_by is None else (said.closed_by,)
    return Script(
        participants=(
            *_in_role(PARTICIPANT, dict.fromkeys((*authors, *said.commenters))),
            *_in_role(ASSIGNEE, said.assignees),
            *_in_role(CLOSER, closers),
        ),
        type="pledge" if said.state == "open" else "payment",
        title=f"Github repository {said.repository}, issue #{said.number}"[: TITLE.most],
        description=said.title,
        language=LANGUAGE,
    )


def _in_role(role: str, people: Iterable[Person]) -> Iterable[Participant]:
    return (Participant(_recipient(person), role) for person in people)


def _recipient(person: Person) -> Recipient:
    return spelled(Recipient("url", person.id))
