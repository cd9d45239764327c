from whipround.errors import Declined, Invalid, Message


class Refused(Declined):
    """This is
    refused.
    """


def test_an_error_says_its_docstring_unless_it_says_something_else() -> None:
    assert Refused().message == str(Refused()) == "This is\nrefused."
    assert Refused("Not today.").message == "Not today."


def test_an_error_keeps_the_message_that_can_be_translated() -> None:
    message = Message("No more than {most}", most=3)

    assert Refused(message).message is message
    [error] = Invalid.field("amount", "too_large", message).errors
    assert error.message is message
    assert str(Invalid([error])) == "amount: No more than 3"


def test_a_message_is_its_english_text() -> None:
    message = Message("{name!r} is over {limit:.2f}", name="x", limit=2)

    assert message == "'x' is over 2.00"
    assert (message.template, message.values["name"]) == ("{name!r} is over {limit:.2f}", "x")
    assert Message("{braces} are kept where there is nothing to fill in") == (
        "{braces} are kept where there is nothing to fill in"
    )


def test_a_counted_message_is_one_of_two() -> None:
    made = [Message.counted("{count} item", "{count} items", count=each) for each in range(3)]

    assert made == ["0 items", "1 item", "2 items"]
