"""Types of arguments that the calls of a store have in common."""

import datetime
from typing import Any, Union

from ._dolium import ObjectId

#: Seconds, a timedelta, or None for no limit.
Timeout = Union[float, datetime.timedelta, None]
#: Lifetime of an object: seconds, a timedelta, or None for no limit.
Life = Union[float, datetime.timedelta, None]
#: An object with a contiguous buffer. Before Python 3.12, typing has no name for it.
Buffer = Any
#: Bytes, or text such as "64MiB".
Size = Union[int, str]


def id_or_new(id):
    return ObjectId.random() if id is None else id
