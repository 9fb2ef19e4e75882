"""Starting several processes, and what happens when one of them fails or never ends."""

import json

import psutil
import pytest

from course_utils import processes

JOIN = "import sys, time\nimport torch.distributed as dist\ndist.init_process_group('gloo')\n"


def script(tmp_path, body):
    path = tmp_path / "script.py"
    path.write_text(JOIN + body)
    return [str(path)]


def test_each_process_has_its_rank_and_its_share_of_the_arguments(tmp_path):
    body = (
        "import json\n"
        "line = json.dumps([dist.get_rank(), dist.get_world_size(), sys.argv[1]])\n"
        "print(line + '\\n', end='')\n"
        "dist.destroy_process_group()\n"
    )
    printed = processes.run([*script(tmp_path, body), "here"], processes=2, timeout_s=120)
    assert sorted(map(json.loads, printed.splitlines())) == [[0, 2, "here"], [1, 2, "here"]]


def test_a_sum_over_the_processes_has_every_part(tmp_path):
    body = (
        "import torch\n"
        "part = torch.tensor([float(10 ** dist.get_rank())])\n"
        "dist.all_reduce(part)\n"
        "print(f'{part.item()}\\n', end='')  # in one piece, or lines mix\n"
        "dist.destroy_process_group()\n"
    )
    printed = processes.run(script(tmp_path, body), processes=2, timeout_s=120)
    assert printed.splitlines() == ["11.0", "11.0"]


def test_a_process_that_dies_ends_the_others_and_its_error_is_shown(tmp_path):
    body = "if dist.get_rank() == 1:\n    raise ValueError('the disk is full')\ndist.barrier()\n"
    with pytest.raises(RuntimeError, match=r"script\.py.*\n(.*\n)*.*ValueError: the disk is full"):
        processes.run(script(tmp_path, body), processes=2, timeout_s=120)


def test_processes_that_wait_for_ever_are_stopped_at_the_limit(tmp_path):
    body = "if dist.get_rank() == 1:\n    time.sleep(1000)\ndist.barrier()\n"
    command = script(tmp_path, body)
    with pytest.raises(TimeoutError, match="weren't done after 8 s and were stopped"):
        processes.run(command, processes=2, timeout_s=8)
    alive = [p for p in psutil.process_iter(["cmdline"]) if command[0] in (p.info["cmdline"] or [])]
    assert alive == []


def test_no_process_is_refused():
    with pytest.raises(ValueError, match="processes=0"):
        processes.run(["script.py"], processes=0, timeout_s=1)
