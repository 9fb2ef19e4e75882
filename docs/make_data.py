"""Write the seeded files of data/ again: `make data`."""

from course_utils import runtime
from course_utils.shop import sql_questions, table_files


def main() -> None:
    """Write the tables and the questions on the database, and name them."""
    paths = [*table_files.write_tables(runtime.data_dir()), sql_questions.write(runtime.data_dir())]
    for path in paths:
        print(path.relative_to(runtime.data_dir().parent))


if __name__ == "__main__":
    main()
