"""Lost: what dolium.mp delivers to a pool in place of a value whose object is gone.

The worker of a multiprocessing.Pool ends if a task cannot be unpickled, and the task's result never comes. The thread
of a pool that collects results ends likewise. So in a pool the exception is delivered, and raised when it is used.
"""

import functools
import sys
from typing import Any, Tuple

from .errors import DoliumError


def or_lost(receive):
    """Of a function that receives a value: in a pool it returns a Lost instead of raising."""

    @functools.wraps(receive)
    def receive_or_lose(*arguments):
        try:
            return receive(*arguments)
        except DoliumError as error:
            if not _in_a_pool(sys._getframe(1)):
                raise
            return Lost(type(error)(*error.args))

    return receive_or_lose


def _in_a_pool(frame):
    """Whether a pool unpickles the value, and not code that runs in its worker."""
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module in ("multiprocessing.pool", "concurrent.futures.process"):
            return True
        if not module.startswith("multiprocessing."):
            return False
        frame = frame.f_back
    return False


class Lost:
    """What arrives in a pool in place of a value whose object is gone. Each use raises the error, `ObjectNotFound`."""

    __slots__ = ("_error",)

    def __init__(self, error: DoliumError) -> None:
        self._error = error

    def __reduce__(self) -> Tuple[Any, ...]:
        return Lost, (self._error,)

    def __repr__(self) -> str:
        return f"<dolium.mp.Lost: {self._error}>"

    def __getattr__(self, name: str) -> Any:
        return self._fail()

    def _fail(self, *_: Any) -> Any:
        raise type(self._error)(*self._error.args)


# Python looks for these in the class, not with __getattr__. numpy would take what has no __array__ for one element.
for _name in ("array", "bool", "bytes", "call", "complex", "contains", "delitem", "enter", "eq", "float", "format", "ge",
              "getitem", "gt", "hash", "index", "int", "iter", "le", "len", "lt", "ne", "next", "setitem", "str", "abs",
              "invert", "neg", "pos", *(side + operator for side in ("", "r", "i") for operator in (
                  "add", "and", "floordiv", "lshift", "matmul", "mod", "mul", "or", "pow", "rshift", "sub", "truediv",
                  "xor")), "divmod", "rdivmod"):
    setattr(Lost, f"__{_name}__", Lost._fail)
