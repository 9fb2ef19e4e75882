"""Teach an embedding model a new notion of near, and measure whether it learned it.

    pooling    from token vectors to one vector a text, by hand
    pairs      what a loss sees: texts that belong together, texts that don't, and batches of them
    metrics    recall@1, average precision and Spearman from one matrix of similarities
    training   today's trainer, with the library's own loss and arguments
    finetuned  the model that lesson 05 makes, found or made again for the lessons after it

A text belongs to an intent, and the intent is all that is known of it: two texts of one intent
are a positive pair, any others a negative one.
"""
