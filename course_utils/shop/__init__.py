"""The shop's data and how it is made; a lesson compares its work with what these say.

tables            the four tables: columns, types, the time they cover
clean             the truth: `clean_tables()`, drawn by `orders` and `tickets`
defects           what is broken in the exports, listed in `defect_catalogue`
table_files       tickets.csv, products.csv and orders.xlsx
database          the shop's SQLite database
sql_questions     questions to it, with the queries that answer them
"""
