"""Helpers of the LLM engineering course: a module for each stage, imported by its name.

    runtime        what machine this is, where files go, how long a step took
    doctor         is this machine ready? `python -m course_utils doctor`
    colab          what the set-up cell does on Colab; files kept in a Drive folder
    model_catalog  the models by name and tier
    tables         read, clean, check and split tables
    loading        rows from JSONL files, for torch and by datasets
    batching       batches of rows, padded, and what an order costs
    models         find a model, load it, count its bytes
    quantization   weights to 8-bit and 4-bit codes and back, by hand
    perplexity     how well a model predicts a text
    lora           encode pairs, train an adapter, save and merge it
    generation     chats or texts in, replies out, in batches
    batch_replies  one batch, which rows that have ended leave
    decoding       temperature, top-k and top-p: what sampling draws from
    embeddings     teach an embedding model, and measure what it learned
    sql_eval       run model-written SQL safely, and judge it by its result
    vectorstore    put texts and vectors into Milvus, search them
    rag            the handbook: chunks, prompt, what is known and what is not, the assistant
    processes      start several processes at once, and stop them
    shop           the shop's data and how it is made
    docstrings     a corpus that nobody here wrote
    data_files     the rows of the committed files, by split
    files          writes that a kill can't leave half done
    noise          hides the libraries' messages that say nothing to a learner
    exercises      check, hint, solution, progress, quiz

Nothing is re-exported, so `import course_utils` costs milliseconds and no torch. It switches the
libraries' telemetry off, which they ask for when they are imported: import it first.
"""

from course_utils import runtime

runtime.switch_off_telemetry()

__version__ = "0.1.0"
