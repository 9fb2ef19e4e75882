def read_topics():
    return []
