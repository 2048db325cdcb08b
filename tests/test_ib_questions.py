"""Requests whose answers are awaited: what belongs to one, what ends it, what is a remark on it."""

import pytest

from resources.ib.questions import AnsweredWithError, Question
from resources.ib.wire import Kind

MINE, OTHERS = (
    ("63", "2", "7", "DU1234567", "BuyingPower", "4.0", "USD"),
    ("63", "2", "8", "DU1234567", "X", "1", "USD"),
)
END, OTHERS_END = ("64", "1", "7"), ("64", "1", "8")


@pytest.fixture
def question():
    return Question(frozenset({Kind.ACCOUNT_SUMMARY}), Kind.ACCOUNT_SUMMARY_END, 7)


def test_an_answer_is_what_is_about_the_request_up_to_its_end(question):
    for message in (OTHERS, MINE, ("49", "1", "1767373200"), OTHERS_END):
        question.hear(message)
    assert not question.done.done()
    question.hear(END)
    question.hear(MINE)
    assert question.done.result() == [MINE, END]


def error(about, code):
    return ("4", "2", str(about), str(code), "words", "")


def test_an_error_about_it_is_its_answer(question):
    assert question.refused_by(error(7, 321))
    with pytest.raises(AnsweredWithError, match="321: words") as answer:
        question.done.result()
    assert (answer.value.code, answer.value.said) == (321, "words")
    question.hear(END)  # too late, and no harm


def test_an_account_number_in_an_answer_is_not_shown(question):
    question.refused_by(("4", "2", "7", "321", "Invalid account code 'U7654321'", ""))
    with pytest.raises(AnsweredWithError, match=r"321: Invalid account code 'U7\*\*\*21'"):
        question.done.result()


@pytest.mark.parametrize(("about", "code"), [(8, 321), (-1, 1100), (7, 2174)])
def test_other_errors_and_remarks_on_it_are_not(question, about, code):
    assert not question.refused_by(error(about, code))
    assert not question.done.done()


def test_a_question_without_an_id_is_not_ended_by_errors():
    question = Question(frozenset({Kind.POSITION}), Kind.POSITIONS_END)
    assert not question.refused_by(error(-1, 2104))
    question.hear(("62", "1"))
    assert question.done.result() == [("62", "1")]
