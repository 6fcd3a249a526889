"""Copies files into the store and out of it, in pieces, so that long copies can show their progress."""

import os
import pathlib

_PIECE = 16 << 20


def _bar(total, shown, text):
    """Returns tqdm's progress bar, if tqdm is installed and `shown` is true."""
    if shown:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            pass
        else:
            return tqdm(total=total, unit="B", unit_scale=True, unit_divisor=1024, desc=text)
    return _NoBar()


class _NoBar:
    def update(self, _size):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def put_files(store, paths, *, progress=True, **options):
    """Copies files into the store, straight into its memory, as raw bytes: {path: id}. Options as create().

    >>> import dolium, tempfile, pathlib
    >>> store = dolium.InProcessStore("16MiB")
    >>> path = pathlib.Path(tempfile.mkdtemp(), "a")
    >>> _ = path.write_bytes(b"salve")
    >>> put = store.put_files([path], progress=False)
    >>> store.get(put[path])
    b'salve'
    """
    paths = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    total = sum(os.stat(path).st_size for path in paths)
    with _bar(total, progress, "into the store") as bar:
        return {path: _put_file(store, path, bar, options) for path in paths}


def _put_file(store, path, bar, options):
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        with store.create(None, size, **options) as builder:
            at = 0
            while at < size:
                with builder[at:at + _PIECE] as piece:
                    count = file.readinto(piece)
                if not count:
                    raise OSError(f"{path} became shorter while it was read")
                at += count
                bar.update(count)
            return builder.id


def get_file(store, id, path, *, timeout=0, progress=True):
    """Writes an object's data to a file. Returns the size in bytes."""
    obj = store.get_raw(id, timeout)
    with _bar(obj.size, progress, "to a file") as bar, open(pathlib.Path(path), "wb", buffering=0) as file:
        at = 0
        while at < obj.size:
            count = file.write(obj[at:at + _PIECE])
            at += count
            bar.update(count)
    return obj.size
