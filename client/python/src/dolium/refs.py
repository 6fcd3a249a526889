"""ObjectRef: a reference to an object that can be sent to another process, as a short text: its ticket.

>>> import dolium
>>> store = dolium.InProcessStore("16MiB")
>>> ticket = store.ref(store.put([1.5, "salve"])).ticket()
>>> ticket.startswith("dolium:1:"), ticket.endswith(":python.pickle5")
(True, True)
>>> ref = store.ref(store.ref(store.put(2.5)).ticket(), "f64")     # as a rule in another process
>>> ref.get()
2.5
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from . import _dolium, _types, codecs
from ._dolium import Object, ObjectId
from .errors import ObjectNotFound, StoreTimeout, TypeMismatch

if TYPE_CHECKING:
    from .store import ObjectStore, Timeout


class ObjectRef:
    """A reference to the object that is, or will be, stored under an id. Made by `ObjectStore.ref()`.

    It holds the object from its first get on: then the object is neither evicted nor reused until the reference is
    gone. It is a reference of this process and cannot be pickled: send its ticket(), and make the reference there.
    """

    __slots__ = ("store", "id", "_type_name", "_made_in", "_held", "__weakref__")

    def __init__(self, store: ObjectStore, id: ObjectId, type_name: Optional[str] = None, made_in: int = 0) -> None:
        self.store, self.id, self._type_name, self._made_in = store, id, type_name, made_in
        self._held: Optional[Object] = None

    def get(self, timeout: Timeout = 0, *, private: bool = False) -> Any:
        """Returns the value, as ObjectStore.get(). TypeMismatch if the object is of another type than the ticket."""
        return codecs.decoder(private)(self.get_raw(timeout), self.store)

    async def get_async(self, timeout: Timeout = None, *, private: bool = False) -> Any:
        """get() for asyncio. Waits without limit by default."""
        held = self._held
        if held is None:
            try:
                held = self._hold(await self.store.get_raw_async(self.id, timeout))
            except (ObjectNotFound, StoreTimeout) as error:
                raise self._missing(error) from None
        return codecs.decoder(private)(held, self.store)

    def get_raw(self, timeout: Timeout = 0) -> Object:
        """Returns the Object. Errors as get()."""
        if self._held is not None:
            return self._held
        try:
            return self._hold(self.store.get_raw(self.id, timeout))
        except (ObjectNotFound, StoreTimeout) as error:
            raise self._missing(error) from None

    def view(self, dtype: Any, timeout: Timeout = 0, *, private: bool = False) -> Any:
        """Returns the elements as a numpy array, in place, as ObjectStore.view()."""
        obj = self.get_raw(timeout)
        return (obj.private_copy() if private else obj).view(dtype)

    @property
    def type_name(self) -> str:
        """The name of the stored type; "bytes" for raw bytes. Asks the store if it is not known yet."""
        if self._type_name is None:
            self._type_name = self.store.metadata(self.id).type_name or "bytes"
        return self._type_name

    def ticket(self) -> str:
        """A short printable text without blanks, for `ObjectStore.ref(ticket)` of another process.

        It holds nothing: keep the object, by a reference or by time, until the other process has got it. Raises
        ObjectNotFound if the object's type is not known and the object is not there.
        """
        return _dolium.make_ticket(self.store, self.id, self.type_name)

    def __reduce__(self):
        raise TypeError("a dolium.ObjectRef is a reference of this process and cannot be pickled: send its ticket(), "
                        "and call ref(ticket) there")

    def __repr__(self):
        return f"<dolium.ObjectRef {self.id.hex()[:12]}, {self._type_name or 'of any type'}>"

    def _hold(self, obj):
        name = self._type_name
        if name is not None and not self._is_of(obj, name):
            raise TypeMismatch(f"object {self.id} holds another type than this reference: "
                               f"{codecs.describe(obj)}, not {name}")
        self._held = obj
        return obj

    @staticmethod
    def _is_of(obj, name):
        if obj.type_tag == _types.tag_of(name) or _in_numpy(obj, name):
            return True
        return not _is_known(name) and (obj.type_name or "bytes") == name

    def _missing(self, error):
        here = _dolium.read_ticket(_dolium.make_ticket(self.store, self.id, "bytes"))[2] if self._made_in else 0
        if here in (0, self._made_in):
            return error
        return type(error)(f"{error}; its ticket was made in another store (number {self._made_in:016x}, this one is "
                           f"{here:016x}): objects do not outlive their store")


def _is_known(name):
    """Whether the name tells the tag. The tag of a C++ struct also depends on its size."""
    return _types.named(name) is not None or name in codecs._names.values()


def _in_numpy(obj, name):
    """Whether the object is an array, or a scalar, of numpy's that C++ reads under this name, too."""
    array, number = obj.type_tag == codecs.NDARRAY, obj.type_tag == codecs.NUMPY_SCALAR
    dtype = _types.NUMBERS.get(name[:-2] if array and name.endswith("[]") else name, (None, None))[1]
    if dtype is None or not (number or array and name.endswith("[]")):
        return False
    from . import _numpy

    stored = _numpy._decode(obj)
    return stored.dtype == dtype and stored.ndim == (1 if array else 0)


def make_ref(store, id_or_ticket, type_name):
    if isinstance(id_or_ticket, ObjectId):
        return ObjectRef(store, id_or_ticket, type_name)
    if not isinstance(id_or_ticket, str):
        raise TypeError(f"ref() takes an ObjectId or a ticket, not {type(id_or_ticket).__name__}")
    id, name, made_in = _dolium.read_ticket(id_or_ticket)
    if type_name is not None and name != type_name:
        raise TypeMismatch(f"the ticket of object {id} is for type {name}, not {type_name}")
    return ObjectRef(store, id, name, made_in)
