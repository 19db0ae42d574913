"""What a decoded archive body turns into, and the types whose words are the sender's own text."""

from __future__ import annotations

from typing import Any, NamedTuple

from rules import links, quotes
from rules.message import FLAG_QUOTED
from rules.reading import body, objects, put, text

Json = dict[str, Any]


class Content(NamedTuple):
    """Own words, quoted words, fields under dotted names, flags. Callers must not change it."""

    text: str = ""
    quoted: str = ""
    fields: Json = {}  # noqa: RUF012 - never changed, see above
    flags: tuple[str, ...] = ()


def own_words(words: str) -> tuple[str, str]:
    """(what somebody quoted, what they said themselves) of words somebody typed."""
    if "\n" in words and (parts := quotes.split(words)) is not None:
        return parts
    return "", words


def from_words(words: str) -> Content:
    """Words somebody typed: a quotation split off, the URLs among the own words found."""
    quoted, own = own_words(words)
    flags = (FLAG_QUOTED,) if len(own) < len(words) else ()
    fields = link_fields(links.extract(own)) if links.may_contain(own) else {}
    return Content(own, quoted, fields, flags)


def link_fields(found: list[links.Link]) -> Json:
    """`link.url` and `link.canonical` of the first URL, `link.urls` the canonical forms of all."""
    if not found:
        return {}
    return {
        "link.url": found[0].url,
        "link.canonical": found[0].canonical,
        "link.urls": [link.canonical for link in found],
    }


def lines(*parts: str) -> str:
    """The parts that are not empty, one below the other."""
    return "\n".join(part for part in parts if part)


def one_link(url: str) -> Json:
    """Link fields of a URL that stands in its own key."""
    return link_fields([links.Link(url, links.canonical(url))]) if url.strip() else {}


def text_message(payload: Json) -> Content:
    """`text`."""
    found = body(payload, "payload", "text")
    return from_words(text(found, "content", "payload.text", required=True))


def markdown(payload: Json) -> Content:
    """`markdown`."""
    info = body(payload, "payload", "info", "markdown")
    return from_words(text(info, "content", "payload.info", required=True))


def link(payload: Json) -> Content:
    """`link`."""
    found = body(payload, "payload", "link")
    path = "payload.link"
    title = text(found, "title", path)
    fields = one_link(text(found, "link_url", path))
    put(fields, link__title=title)
    return Content(lines(title, text(found, "description", path)), fields=fields)


def news(payload: Json) -> Content:
    """`news`: one or more articles."""
    info = body(payload, "payload", "info", "news")
    words, found, title = [], [], ""
    for index, item in enumerate(objects(info, "item", "payload.info")):
        path = f"payload.info.item[{index}]"
        title = title or text(item, "title", path)
        words += [text(item, "title", path), text(item, "description", path)]
        if url := text(item, "url", path).strip():
            found.append(links.Link(url, links.canonical(url)))
    fields = link_fields(found)
    put(fields, link__title=title)
    return Content(lines(*words), fields=fields)


def weapp(payload: Json) -> Content:
    """`weapp`: a mini-program card."""
    found, path = body(payload, "payload", "weapp"), "payload.weapp"
    title = text(found, "title", path)
    fields: Json = {}
    put(
        fields,
        link__title=title,
        weapp__username=text(found, "username", path).strip(),
        weapp__name=text(found, "displayname", path),
    )
    return Content(lines(title, text(found, "description", path)), fields=fields)


def sphfeed(payload: Json) -> Content:
    """`sphfeed`: a channel (视频号) post."""
    found, path = body(payload, "payload", "sphfeed"), "payload.sphfeed"
    words = from_words(text(found, "feed_desc", path))
    fields = dict(words.fields)
    kind = found.get("feed_type")
    put(
        fields,
        sph__name=text(found, "sph_name", path),
        sph__type=kind if type(kind) is int else None,
    )
    return Content(words.text, words.quoted, fields, words.flags)


def docmsg(payload: Json) -> Content:
    """`docmsg`: an online document; its body stands under `doc`."""
    doc, path = body(payload, "payload", "doc", "docmsg"), "payload.doc"
    title = text(doc, "title", path)
    fields = one_link(text(doc, "link_url", path))
    put(fields, link__title=title, doc__creator=text(doc, "doc_creator", path).strip())
    return Content(title, fields=fields)
