"""By hand first, by helper for real: both directions.

A lesson makes the calls that it teaches itself, where the learner sees their arguments. And
no lesson writes again what the package holds.
"""

import ast

import nbformat
import notebook_rules
import pytest

from course_utils import runtime

TAUGHT = {
    "00_start_here": {
        "AutoTokenizer.from_pretrained",
        "AutoModelForCausalLM.from_pretrained",
        "SentenceTransformer",
        "embedder.encode",
        "MilvusClient.create_schema",
        "client.create_collection",
        "client.search",
        "tokenizer.apply_chat_template",
        "model.generate",
        "tokenizer.decode",
        # the helpers that do the same in full
        "vectorstore.ingest",
        "vectorstore.search",
        "rag.cited_chat",
        "generation.generate",
        "doctor.examine",
    },
    "01_pandas_data_prep": {
        "pd.read_csv",
        "pd.read_excel",
        "head",
        "orders.tail",
        "tickets.query",
        "tickets.filter",
        "dropna",
        "fillna",
        "replace",
        "duplicated",
        "drop_duplicates",
        "tickets.apply",
        "groupby",
        "agg",
        "merge",
        "pivot_table",
        "sort_values",
        "nlargest",
        "nsmallest",
        "tickets.sample",
        "pd.to_datetime",
        "pa.DataFrameSchema",
        "pa.Column",
        "rules.Rule",
        # the helpers that do the same in full
        "reading.read_csv",
        "reading.read_csv_in_chunks",
        "rules.clean_table",
        "validation.set_aside_invalid",
        "pipeline.prepare",
        "splitting.group_by_shared_text",
        "splitting.split_by_group",
    },
    "02_dataloader_vs_load_dataset": {
        "DataLoader",
        "InputExample",
        "load_dataset",
        "train_test_split",
        "map",
        "tokenized.filter",
        "tokenized.with_format",
        "stream.take",
        # the helpers that do the same in full
        "batching.PaddingCollator",
        "batching.BucketBatchSampler",
        "batching.padded_share",
        "loading.JsonlDataset",
        "loading.load_jsonl",
    },
    "03_quantized_loading": {
        "AutoTokenizer.from_pretrained",
        "AutoModelForCausalLM.from_pretrained",
        "BitsAndBytesConfig",
        "functional.quantize_4bit",
        "functional.dequantize_4bit",
        "model.get_memory_footprint",
        "model.save_pretrained",
        "prepare_model_for_kbit_training",
        "LoraConfig",
        "get_peft_model",
        # the helpers that do the same in full
        "quantization.quantize_nf4",
        "quantization.double_quantize",
        "quantization.bits_per_weight",
        "models.memory_report",
        "models.quantization_config",
        "models.load_causal_lm",
        "perplexity",
    },
    "04_lora_trainer": {
        "AutoTokenizer.from_pretrained",
        "AutoModelForCausalLM.from_pretrained",
        "LoraConfig",
        "get_peft_model",
        "model.print_trainable_parameters",
        "BitsAndBytesConfig",
        "prepare_model_for_kbit_training",
        "DataCollatorForSeq2Seq",
        "DataCollatorForLanguageModeling",
        "TrainingArguments",
        "Trainer",
        "trainer.train",
        "GenerationConfig",
        # the helpers that do the same in full
        "sql_eval.run_query",
        "sql_eval.evaluate",
        "sql_eval.accuracy",
        "sql_eval.failure_kinds",
        "lora.encode",
        "lora.predict_parameters",
        "lora.attach",
        "lora.train",
        "lora.LossPlot",
        "lora.save_adapter",
        "lora.load_adapter",
        "lora.merge",
        "generation.complete",
    },
    "05_sentence_transformer_fit": {
        "SentenceTransformer",
        "model.encode",
        "model.encode_query",
        "model.encode_document",
        "InputExample",
        "DataLoader",
        "losses.ContrastiveLoss",
        "losses.MultipleNegativesRankingLoss",
        "evaluation.EmbeddingSimilarityEvaluator",
        "evaluation.BinaryClassificationEvaluator.from_input_examples",
        "student.fit",
        "SentenceTransformerTrainingArguments",
        "SentenceTransformerTrainer",
        "trainer.train",
        # the helpers that do the same in full
        "pooling.mean_pool",
        "pairs.positive_pairs",
        "pairs.random_negatives",
        "pairs.hard_negatives",
        "pairs.anchor_dataset",
        "pairs.OneIntentABatch",
        "metrics.bm25_similarity",
        "metrics.hits_at_1",
        "metrics.pair_scores",
        "metrics.bootstrap_interval",
        "training.fine_tune",
        "finetuned.save",
        "finetuned.find",
    },
    "06_pipeline_generation": {
        "AutoTokenizer.from_pretrained",
        "AutoModelForCausalLM.from_pretrained",
        "pipeline",
        "pipe",
        "tokenizer.apply_chat_template",
        "GenerationConfig",
        # the helpers that do the same in full
        "decoding.next_token_probabilities",
        "generation.generate",
        "generation.stream",
    },
    "07_milvus_ingest": {
        "MilvusClient.create_schema",
        "schema.add_field",
        "MilvusClient.prepare_index_params",
        "index.add_index",
        "client.create_collection",
        "client.load_collection",
        "client.release_collection",
        "client.insert",
        "client.upsert",
        "client.query",
        "client.search",
        "client.delete",
        "each.flush",
        "client.get_collection_stats",
        "Collection",
        "connections.connect",
        "collection.load",
        "collection.insert",
        "collection.flush",
        # the helpers that do the same in full
        "vectorstore.connect",
        "vectorstore.release",
        "vectorstore.row_id",
        "vectorstore.ingest",
        "vectorstore.search",
        "vectorstore.count",
        "vectorstore.delete",
        "vectorstore.delete_stale",
        "server.start",
        "docstrings.harvest",
    },
    "08_rag_capstone": {
        "MilvusClient.create_schema",
        "client.create_collection",
        "client.search",
        "GenerationConfig",
        "LogisticRegression",
        "detector.fit",
        "classifier.fit",
        "classifier.predict",
        "embedder.encode",
        # the helpers that do the same in full
        "rag.read_handbook",
        "rag.chunk_article",
        "rag.article_ranks",
        "rag.within_budget",
        "rag.cited_chat",
        "rag.holds_facts",
        "rag.states_facts",
        "vectorstore.ingest",
        "vectorstore.search",
        "vectorstore.delete_stale",
        "generation.generate",
        "threshold.curve",
        "threshold.choose",
        "superseded.find_superseded",
        "instructions.set_aside_instructions",
        "routing.examples",
        "text_to_sql.answer",
        "assistant.Assistant",
        "chat_widget.chat",
    },
    "09_scale_out": {
        "Accelerator",
        "accelerator.reduce",
        "accelerator.prepare",
        "accelerator.gather_for_metrics",
        "subprocess.run",
        "dist.init_process_group",
        "init_device_mesh",
        "fully_shard",
        "FullyShardedDataParallelPlugin",
        "DeepSpeedPlugin",
        "TrainingArguments",
        "split_dataset_by_node",
        "table.shard",
        "DistributedSampler",
        "embedder.encode",
        "client.create_collection",
        "client.get_partition_stats",
        # the helpers that do the same in full
        "processes.run",
        "across_processes.train_steps",
        "predict_held",
        "memory.count_held",
        "server.start",
        "vectorstore.ingest",
        "vectorstore.search",
        "measuring.measure_index_bytes",
        "sizing.index_bytes",
        "sizing.plan",
    },
}
RUN_LENGTH = 3  # three statements of the same form in a row are no coincidence


def package_runs():
    runs = set()
    for path in runtime.PACKAGE_DIR.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                runs |= notebook_rules.statement_runs(node, RUN_LENGTH)
    return runs


def package_names():
    trees = (ast.parse(path.read_text("utf-8")) for path in runtime.PACKAGE_DIR.rglob("*.py"))
    definitions = (ast.FunctionDef, ast.ClassDef)
    return {
        node.name
        for tree in trees
        for node in tree.body
        if isinstance(node, definitions) and not node.name.startswith("_")
    }


def repeated(notebook):
    """Return what a notebook defines or writes that the package holds already."""
    problems, names, runs = [], package_names(), package_runs()
    for cell in notebook_rules.code_cells(notebook):
        tree = ast.parse(notebook_rules.python_of(cell))
        problems += [
            f"defines {node.name}, which the package has"
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in names
        ]
        for run in notebook_rules.statement_runs(tree, RUN_LENGTH) & runs:
            problems.append(f"repeats statements of the package: {run[:80]}")
    return problems


def test_each_lesson_has_its_list_of_taught_calls():
    assert sorted(TAUGHT) == [path.stem for path in notebook_rules.NOTEBOOKS]


@pytest.mark.parametrize("path", notebook_rules.NOTEBOOKS, ids=lambda path: path.stem)
def test_the_taught_calls_stand_in_the_lesson(path):
    calls = notebook_rules.calls_of(notebook_rules.read(path))
    assert TAUGHT[path.stem] - calls == set()


@pytest.mark.parametrize("path", notebook_rules.NOTEBOOKS, ids=lambda path: path.stem)
def test_the_lesson_does_not_repeat_the_package(path):
    assert repeated(notebook_rules.read(path)) == []


def cell(source):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])


def test_a_function_of_the_package_written_again_is_found():
    assert repeated(cell("def cited_chat(question, hits):\n    return []")) == [
        "defines cited_chat, which the package has"
    ]


def test_the_body_of_a_helper_under_other_names_is_found():
    found = repeated(
        cell(
            "spans = [m.span() for m in re.finditer(r'\\S+', words)]\n"
            "if len(spans) <= size:\n    return_value = [words]\n"
            "total = fields - {VECTOR}\n"
            "known: dict[str, int] = {}\n"
            "for place, item in enumerate(items):\n"
            "    if set(item) != total:\n        raise ValueError(f'{place}')\n"
        )
    )
    assert found == []  # the same ideas in another order are no copy
    source = (runtime.PACKAGE_DIR / "generation.py").read_text()
    body = source.split("rows = [torch.tensor(")[1].split("end_ids = ")[0]
    copied = (
        ("rows = [torch.tensor(" + body).replace("input_ids", "ids").replace("rows", "prompts_")
    )
    lines = [line.strip() if not line.startswith("     ") else line for line in copied.splitlines()]
    assert any("repeats statements" in problem for problem in repeated(cell("\n".join(lines))))


def test_ordinary_notebook_code_is_no_repetition():
    assert repeated(cell("vectors = model.encode(texts)\nprint(vectors.shape)\nvectors[:2]")) == []
