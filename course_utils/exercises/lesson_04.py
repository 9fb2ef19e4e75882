"""Exercises of lesson 04: a query judged by its rows, labels by hand, a count of parameters."""

from course_utils.exercises.exercise import Exercise, WrongAnswer, require

REFERENCE = "SELECT COUNT(*) FROM tickets WHERE channel = 'chat' AND closed_on IS NULL"
LABELS = [-100, -100, -100, 21, 22, 2, -100, -100]
IDS = [11, 12, 13, 21, 22, 2, 2, 2]
BLOCKS, WIDE, NARROW, RANK = 32, 4096, 1024, 16
PARAMETERS = BLOCKS * RANK * ((WIDE + WIDE) + (WIDE + NARROW))


def _check_query(answer: object) -> None:
    from course_utils import sql_eval
    from course_utils.shop.sql_shapes import databases

    require(
        isinstance(answer, str),
        f"The answer is SQL, a text, and this is of type {type(answer).__name__}.",
    )
    expected = [sql_eval.run_query(database, REFERENCE).rows for database in databases()]
    try:
        found = [sql_eval.run_query(database, answer) for database in databases()]
    except sql_eval.QueryError as error:
        require(False, f"It doesn't run: {error}.")
    rows = [result.rows for result in found]
    require(
        all(len(result.columns) == 1 and len(result.rows) == 1 for result in found),
        "The question asks how many, so the answer is one number: COUNT(*).",
    )

    def is_that_of(sql: str) -> bool:
        return rows == [sql_eval.run_query(database, sql).rows for database in databases()]

    require(
        not is_that_of("SELECT COUNT(*) FROM tickets WHERE channel = 'chat'"),
        "Those are all tickets that came by chat, closed ones included.",
    )
    require(
        not is_that_of("SELECT COUNT(*) FROM tickets WHERE closed_on IS NULL"),
        "Those are all open tickets, whatever way they came.",
    )
    require(
        not is_that_of("SELECT COUNT(*) FROM tickets WHERE channel = 'chat' AND closed_on = NULL"),
        "It finds no row. An empty cell holds NULL, and nothing is ever equal to NULL: not '', and "
        "not even NULL. Write IS NULL.",
    )
    require(
        rows[0] != expected[0] or rows[1] == expected[1],
        "It's right on the first database and wrong on the second, which has other rows. A query "
        "that is right by luck, or a number that was looked up, is found out there.",
    )
    require(
        rows == expected,
        f"On the first database it says {rows[0][0][0]}, and {expected[0][0][0]} is right.",
    )


def _check_labels(answer: object) -> None:
    import torch

    if isinstance(answer, torch.Tensor):
        answer = answer.flatten().tolist()
    require(
        isinstance(answer, list | tuple),
        f"The answer is a list of eight labels, and this is of type {type(answer).__name__}.",
    )
    given = list(answer)
    require(
        len(given) == len(LABELS),
        f"The rows of the batch have a length of 8, and these are {len(given)} labels.",
    )
    require(
        given != IDS,
        "Those are the input ids. As labels they would teach the model to write the question, and "
        "to go on with end tokens for ever.",
    )
    require(
        given[:3] == [-100] * 3,
        "The first three are the prompt. Its labels are -100: it's given, not to be learned.",
    )
    require(
        given[5] != -100,
        "The end token behind the answer has no label here, so the model wouldn't learn to stop. "
        "Padding has the same number, and only padding is masked.",
    )
    require(
        given[6:] != [2, 2],
        "The last two are padding. With labels the model would learn to write the end token "
        "three times.",
    )
    require(
        given == LABELS,
        "Three of the prompt, the answer's two, the end token, two of padding, in this order: "
        "what is learned keeps its token as label.",
    )


def _check_parameters(answer: object) -> None:
    require(
        isinstance(answer, int | float) and not isinstance(answer, bool),
        f"The answer is a number, and this is of type {type(answer).__name__}.",
    )
    require(
        answer != BLOCKS * (WIDE * WIDE + WIDE * NARROW),
        "Those are the weights of the two layers themselves, which stay frozen. The adapter has "
        "two thin matrices for each.",
    )
    require(
        answer != PARAMETERS // BLOCKS,
        "That is one block. There are 32.",
    )
    require(
        answer != BLOCKS * RANK * 2 * (WIDE + WIDE),
        "The v_proj is counted as if it gave 4,096 numbers. It gives 1,024: several heads share "
        "keys and values in this model.",
    )
    require(
        answer != BLOCKS * RANK * (WIDE + NARROW + WIDE),
        "A layer's in and out both count: q_proj has 4,096 of each.",
    )
    require(
        answer != PARAMETERS // 2,
        "That fits r=8, or one matrix for each layer instead of two.",
    )
    require(
        answer == PARAMETERS,
        f"{answer:,} isn't it. A layer takes r * (in + out); add up both layers, times 32 blocks.",
    )


EXERCISES = (
    Exercise(
        id="04.1",
        check=_check_query,
        on_pass="The same rows as the reference on both databases. How it's written doesn't count.",
        expects="a query, as a text",
        hints=(
            "Two conditions, joined by AND, and COUNT(*).",
            "An empty cell is found by IS NULL.",
        ),
        solution=(
            "answer = \"SELECT COUNT(*) FROM tickets WHERE channel = 'chat' "
            'AND closed_on IS NULL"\n'
        ),
        wrong_answers=(
            WrongAnswer(
                "answer = \"SELECT COUNT(*) FROM tickets WHERE channel = 'chat'\"",
                "closed ones included",
            ),
            WrongAnswer(
                'answer = "SELECT COUNT(*) FROM tickets WHERE closed_on IS NULL"',
                "whatever way they came",
            ),
            WrongAnswer(
                "answer = \"SELECT COUNT(*) FROM tickets WHERE channel = 'chat' "
                'AND closed_on = NULL"',
                "Write IS NULL",
            ),
            WrongAnswer(
                "from course_utils import sql_eval\n"
                "from course_utils.shop.database import build_database\n"
                f'right = "{REFERENCE}"\n'
                "number = sql_eval.run_query(build_database(seed=1), right).rows[0][0]\n"
                'answer = f"SELECT {number}"',
                "wrong on the second",
            ),
            WrongAnswer(
                "answer = \"SELECT * FROM tickets WHERE channel = 'chat' AND closed_on IS NULL\"",
                "asks how many",
            ),
            WrongAnswer('answer = "SELECT COUNT(*) FROM ticket"', "doesn't run"),
            WrongAnswer("answer = 12", "of type int"),
        ),
    ),
    Exercise(
        id="04.2",
        check=_check_labels,
        on_pass="The answer and its end are learned; prompt and padding are not.",
        expects="a list of eight labels",
        hints=(
            "The row is 11, 12, 13, 21, 22, 2 and then padding up to a length of 8.",
            "Prompt and padding get -100. The end token after the answer doesn't.",
        ),
        solution="answer = [-100, -100, -100, 21, 22, 2, -100, -100]\n",
        wrong_answers=(
            WrongAnswer("answer = [11, 12, 13, 21, 22, 2, 2, 2]", "Those are the input ids"),
            WrongAnswer(
                "answer = [-100, -100, -100, 21, 22, -100, -100, -100]", "wouldn't learn to stop"
            ),
            WrongAnswer("answer = [-100, -100, -100, 21, 22, 2, 2, 2]", "last two are padding"),
            WrongAnswer("answer = [11, 12, 13, 21, 22, 2, -100, -100]", "it's given"),
            WrongAnswer("answer = [-100, -100, -100, 21, 22, 2]", "these are 6 labels"),
            WrongAnswer("answer = [-100, -100, -100, 22, 21, 2, -100, -100]", "in this order"),
        ),
    ),
    Exercise(
        id="04.3",
        check=_check_parameters,
        on_pass="6.8 million, a thousandth of a model of 7 billion.",
        expects="a number",
        hints=(
            "One layer takes r * (in + out).",
            "A block takes 16 * (4096 + 4096) + 16 * (4096 + 1024).",
        ),
        solution="answer = 32 * 16 * ((4096 + 4096) + (4096 + 1024))\n",
        wrong_answers=(
            WrongAnswer("answer = 32 * (4096 * 4096 + 4096 * 1024)", "stay frozen"),
            WrongAnswer("answer = 16 * ((4096 + 4096) + (4096 + 1024))", "one block"),
            WrongAnswer("answer = 32 * 16 * 2 * (4096 + 4096)", "as if it gave 4,096"),
            WrongAnswer("answer = 32 * 8 * ((4096 + 4096) + (4096 + 1024))", "fits r=8"),
            WrongAnswer("answer = '6.8 million'", "of type str"),
        ),
    ),
)
