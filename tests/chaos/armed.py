"""Importing this arms the process with the plan in its environment: `celery -A worker worker --include tests.chaos.armed`.

Celery imports it in the worker's main process, before it forks its children, which inherit the hook.
"""

import os

from tests.chaos import arming

arming.arm_from(os.environ)
