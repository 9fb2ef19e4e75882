"""Speed and memory of the course, measured side by side: `make bench`.

    python -m benchmarks                all topics, each in a process of its own
    python -m benchmarks generation     one topic
    python -m benchmarks --small        tiny sizes: shows that everything runs, measures nothing

Both sides of a pair run in one process, in turns, after a warm-up; a figure is the median of
the rounds, and a ratio is the median of the rounds' ratios, above 1 when the course is better.

    measuring    rounds in turns, median, spread
    comparison   a row of the table, and the table
    limits       what the machine's processor and memory can do at most
    machine      the processor, its cores, the versions, the date

and a module for each topic: training, generation, encoding, ingest, loading, lessons.
"""

TOPICS = ("training", "generation", "encoding", "ingest", "loading", "lessons")
