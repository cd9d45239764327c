"""The story, told as `make demo` tells it."""

import subprocess
import sys

import pytest
from rich.console import Console

from bench.demo.stage import Answer, NotSo, Teller

pytestmark = pytest.mark.processes


def test_the_story_comes_out_well_and_the_books_hold() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "bench.demo"], check=False, capture_output=True, text=True
    )

    assert told.returncode == 0, told.stdout + told.stderr
    assert "Ana pays Ben €50.00, and a fee of €0.50 on top" in told.stdout
    assert "the card is charged €101.75" in told.stdout
    assert "Her history has the two halves of her payment" in told.stdout
    assert "Somebody claims: both are paid" in told.stdout
    assert "The books hold." in told.stdout
    assert told.stdout.rstrip().endswith("All held.")


class TestTeller:
    @pytest.fixture
    def teller(self) -> Teller:
        return Teller(Console(quiet=True))

    def test_a_balance_that_is_another_one_ends_the_story(self, teller: Teller) -> None:
        with pytest.raises(NotSo, match="Ana's balance: 2 was expected, and it is 1"):
            teller.check("Ana's balance", 1, 2)

    def test_an_answer_of_another_status_ends_the_story(self, teller: Teller) -> None:
        with pytest.raises(NotSo, match="201 was expected, and it is 500: oh"):
            teller.answered(Answer(500, b"oh", None), 201)

    def test_an_error_of_another_code_ends_the_story(self, teller: Teller) -> None:
        answer = Answer(400, b"{}", {"errors": [{"code": "declined"}]})

        with pytest.raises(NotSo, match="insufficient_funds"):
            teller.answered(answer, 400, "insufficient_funds")
