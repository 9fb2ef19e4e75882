"""Helpers of the LLM engineering course: a module for each stage, imported by its name.

    runtime        what machine this is, where files go, how long a step took
    doctor         is this machine ready? `python -m course_utils doctor`
    model_catalog  the models by name and tier
    models         find a model, load it, count its bytes
    generation     chat prompts in, replies out, in batches
    vectorstore    put texts and vectors into Milvus, search them
    rag            the handbook, its chunks, and the prompt that cites them
    shop           the shop's data and how it is made
    docstrings     a corpus that nobody here wrote
    files          writes that a kill can't leave half done
    noise          hides the libraries' messages that say nothing to a learner
    exercises      check, hint, solution, progress

Nothing is re-exported, so `import course_utils` costs milliseconds and no torch.
"""

__version__ = "0.1.0"
