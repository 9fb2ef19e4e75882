"""nbgrader for a class: copy this file into the folder of your nbgrader course.

Put the lessons that `make solutions` writes to `build/solutions/` into `source/NAME/`, then run
`nbgrader generate_assignment NAME` and later, with what was handed in as `LEARNER_LESSON.ipynb` in
`downloaded/NAME/archive/`, `nbgrader zip_collect NAME` and `nbgrader autograde NAME`, in the
course's own environment. An exercise counts one point.
"""

import os
import sys
from pathlib import Path

# Under it a failed or untouched check raises, which is what nbgrader counts, and the passes of a
# class aren't noted as the progress of whoever grades. Kernels inherit it from here.
os.environ["COURSE_STRICT"] = "1"
# nbgrader starts the program `alembic` by its name, which is beside the Python that runs nbgrader.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

c = get_config()  # noqa: F821  traitlets puts it here
c.ClearSolutions.code_stub = {"python": "answer = ..."}  # the stub that the lessons have
# anna_01_pandas_data_prep.ipynb: the lesson anna handed in. A name may hold anything but a digit
# after an underscore, which is where the lesson's name begins.
c.FileNameCollectorPlugin.named_regexp = (
    r".*?(?P<student_id>[^/\\]+?)_(?P<file_id>\d\d_\w+)\.ipynb$"
)
c.ExecutePreprocessor.timeout = 900  # seconds a cell, for the lessons that train
