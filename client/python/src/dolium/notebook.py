"""A store's state as HTML, which a notebook shows for a cell that ends with a client."""

from html import escape

from .errors import Disconnected
from .text import size_text


def store_html(store):
    """A bar that shows how full the store is, its counters, and its largest objects."""
    try:
        stats, objects = store.stats(), store.list()
    except Disconnected as error:
        return f"<b>{type(store).__name__}</b>: {escape(str(error))}"
    largest = sorted(objects, key=lambda each: each.data_size, reverse=True)[:10]
    return "".join([
        f"<div><b>dolium.{type(store).__name__}</b> {escape(getattr(store, 'path', 'in this process'))}</div>",
        _bar(stats),
        _table([
            ("used", f"{size_text(stats.used_bytes)} of {size_text(stats.capacity)}"),
            ("objects", f"{stats.total_objects}"),
            ("in use / pinned / being written", " / ".join(
                size_text(size) for size in (stats.in_use_bytes, stats.pinned_bytes, stats.unsealed_bytes))),
            ("gets that hit", "none yet" if stats.hit_ratio is None else f"{stats.hit_ratio:.1%} of {stats.get_count}"),
            ("puts / evictions", f"{stats.put_count} / {stats.eviction_count}"),
            ("clients", f"{stats.client_count}"),
        ]),
        "<details><summary>largest objects</summary>" + _table([
            (f"<code>{each.id.hex()[:12]}</code>",
             f"{size_text(each.data_size)} {escape(each.type_name)}{' pinned' if each.is_pinned else ''} {each.state}"
             + (f" {escape(each.label)}" if each.label else ""))
            for each in largest]) + "</details>",
    ])


def _bar(stats):
    share = 100 * stats.used_bytes / stats.capacity
    return ('<div style="width:20em;border:1px solid #888">'
            f'<div style="width:{share:.1f}%;background:#69c">&nbsp;</div></div>')


def _table(rows):
    return "<table>" + "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in rows) + "</table>"
