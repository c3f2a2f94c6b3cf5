"""The files of a folder, or the objects under a prefix, by fsspec: what is there, what a file holds, and where it goes.

Who may write into a folder must not reach out of it: links are passed over, and a local file is opened as no link.
"""

import fnmatch
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import fsspec

from upheld.brokers.secrets import resolved
from upheld.brokers.servers import Lost, MissingClient
from upheld.sources.declared import FolderSource

UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", "~")
"""Names that end so, or begin with a dot, are of files that are still being written."""
_VERSIONS = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "updated", "mtime", "created")
"""What tells two contents of one size apart, as the file systems of fsspec call it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file: its name in the folder, its path for fsspec, its size, and a mark that is another for another content."""

    name: str
    path: str
    size: int
    mark: str


class Folder:
    """The folder of a source."""

    def __init__(self, source: FolderSource) -> None:
        """Raises MissingClient, and whatever fsspec raises where it cannot be opened."""
        self._pattern = source.pattern
        try:
            self._files, self.root = fsspec.core.url_to_fs(source.url, **_options(source.options))
        except ImportError as error:
            raise MissingClient(f"source {source.id}: {source.url} needs what is not installed: {error}") from None
        self._local = "file" in _protocols(self._files)

    def look(self) -> list[Found]:
        """The files that are there now, by name."""
        self._files.invalidate_cache()
        if not self._files.isdir(self.root):
            # A prefix without objects is no folder for an object store, and is no fault there.
            if self._local:
                raise Lost("there is no such folder")
            return []
        entries = [entry for entry in self._files.ls(self.root, detail=True) if self._is_meant(entry)]
        return sorted((_found(entry) for entry in entries), key=lambda found: found.name)

    def _is_meant(self, entry: Mapping[str, Any]) -> bool:
        name = str(entry["name"]).rstrip("/").rpartition("/")[2]
        plain = entry["type"] == "file" and not entry.get("islink")
        finished = not name.startswith(".") and not name.endswith(UNFINISHED)
        return plain and finished and fnmatch.fnmatchcase(name, self._pattern)

    def read(self, file: Found) -> bytes | None:
        """What a file holds; None where it is no more as it was found."""
        if not self._local:
            with self._files.open(file.path, "rb") as opened:
                body: bytes = opened.read(file.size + 1)
            return body if len(body) == file.size and self._now(file) == file.mark else None
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            body = opened.read(file.size + 1)
        return body if len(body) == file.size and self._now(file) == file.mark else None

    def _now(self, file: Found) -> str | None:
        self._files.invalidate_cache()
        try:
            return _found(self._files.info(file.path)).mark
        except FileNotFoundError:
            return None

    def move(self, file: Found, into: str) -> None:
        """Moves a file into a folder of this one, under a name that none has there."""
        folder = f"{self.root.rstrip('/')}/{into}"
        if self._local and os.path.islink(folder):
            raise Lost(f"{folder} is a link, and nothing is moved out of the folder")
        self._files.makedirs(folder, exist_ok=True)
        target, number = f"{folder}/{file.name}", 1
        while self._files.exists(target):
            number += 1
            target = f"{folder}/{number}-{file.name}"
        self._files.mv(file.path, target)


def _protocols(files: Any) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _options(value) if isinstance(value, Mapping) else resolved(value) if isinstance(value, str) else value
        for name, value in options.items()
    }


def _found(entry: Mapping[str, Any]) -> Found:
    path = str(entry["name"])
    size = int(entry["size"] or 0)
    versions = [_text(entry[name]) for name in _VERSIONS if entry.get(name) is not None]
    return Found(path.rpartition("/")[2], path, size, f"{size}-{versions[0] if versions else ''}")


def _text(version: Any) -> str:
    """One and the same, whether a file system gives an instant as a date or as seconds."""
    return str(version.timestamp() if isinstance(version, datetime) else version)
