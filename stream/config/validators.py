"""What a type cannot say of a setting: each function returns its value, or raises `ValueError` with what to write."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from ipaddress import AddressValueError, IPv6Address
from string import Formatter
from typing import Final
from urllib.parse import urlsplit

_BROKER: Final = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^\s:\[\]/@]+)(?::(?P<port>[0-9]{1,5}))?")
_LAST_PORT: Final = 65_535
_TYPES: Final = ("text", "bigint", "double", "bool", "timestamp", "date", "time", "binary", "json")
_DECIMAL: Final = re.compile(r"decimal\((?:[1-9]|[12][0-9]|3[0-8]),[0-9]{1,2}\)")
_EPOCHS: Final = ("epoch_s", "epoch_ms", "epoch_us")
_FLAGS: Final = re.compile(r"(?:\(\?[aimsux]+\))*")


def check_brokers(brokers: str) -> str:
    """Return a list of `host:port`, separated by commas."""
    for broker in map(str.strip, brokers.split(",")):
        match = _BROKER.fullmatch(broker)
        if not _is_ipv6(broker) and (match is None or int(match["port"] or 0) > _LAST_PORT):
            raise ValueError(f"{broker!r} is no address of a broker: write host:port, separated by commas")
    return brokers


def check_pattern(pattern: str) -> str:
    """Return a regular expression."""
    try:
        re.compile(pattern)
        re.compile(whole_name(pattern))
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    return pattern


def whole_name(pattern: str) -> str:
    """Return `pattern` so that `re.match`, which only asks how a name begins, matches whole names with it."""
    flags = _FLAGS.match(pattern)
    front = flags.group() if flags else ""  # Python takes flags at the very front only
    return rf"{front}(?:{pattern[len(front) :]})\Z"


def check_sort(text: str) -> str:
    """Return a field, or a field and `asc` or `desc`."""
    field, _, direction = text.partition(" ")
    if not field or direction not in ("", "asc", "desc"):
        raise ValueError(f"{text!r} is no field to sort by: write field, field asc or field desc")
    return text


def check_name_template(template: str) -> str:
    """Return a template with no other placeholder than `{topic}`."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{template!r} is no template: {error}; write {{topic}} where the topic goes") from None
    for _, name, form, conversion in parts:
        if name is not None and (name != "topic" or form or conversion):
            raise ValueError(f"{template!r} has a placeholder that nothing fills: {{topic}} is the only one")
    return template


def check_registry_urls(urls: str) -> str:
    """Return a list of http(s) addresses, separated by commas, without user, query and fragment."""
    for url in map(str.strip, urls.split(",")):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("a registry's address begins with http:// or https:// and names a host")
        if "@" in url or parts.query or parts.fragment:
            raise ValueError("a registry's address has no user, query or fragment: use registry.username and password")
    return urls


def check_data_type(text: str) -> str:
    """Return the name of a column's type."""
    if text not in _TYPES and not _DECIMAL.fullmatch(text):
        raise ValueError(f"{text!r} is no type: there are {', '.join(_TYPES)} and decimal(p,s)")
    return text


def check_time_format(form: str) -> str:
    """Return how instants are written: a unit since 1970, or a format of strptime."""
    if form not in _EPOCHS and "%" not in form:
        raise ValueError(f"{form!r} is no format of instants: there are {', '.join(_EPOCHS)} and those of strptime")
    return form


def in_utc(moment: datetime) -> datetime:
    """Return an instant; one without a zone is UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _is_ipv6(broker: str) -> bool:
    try:
        IPv6Address(broker)
    except AddressValueError:
        return False
    return True


def check_disposition(value: object) -> object:
    """Refuse `replace` in words of its own: of a stream there is no whole that could take the place of another."""
    if value == "replace":
        raise ValueError(
            "replace is for data that is given whole, as run(data) is; a topic has append, merge, scd2 and skip"
        )
    return value
