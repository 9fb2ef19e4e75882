"""From an export as it comes to rows that a model may learn from, one stage a module.

    reading        CSV, Excel and JSONL files into tables, or an error that names the line
    rules          a rule for each defect, applied in order, with a log of every change
    cells          what rules do to a column's cells: one written form for each kind
    duplicates     rows that repeat another, nearly
    conversion     the strict step from cells in one form to types
    validation     a schema for each table, and the rows that break it, set aside
    splitting      train and test parts that share no text
    pipeline       all of it for the shop's tables: clean tables, database, training files
    export         the folder that the pipeline writes

`shop_rules`, `ticket_rules` and `shop_values` say what the shop knows of its tables;
`file_checks` and `csv_structure` look at a file before pandas does.
"""
