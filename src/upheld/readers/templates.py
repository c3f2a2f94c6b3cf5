"""A folder of a provider's own texts of notices, read and checked: docs/notices.md says how it is laid out."""

from pathlib import Path

from upheld.notices.checking import faults
from upheld.notices.templating import Source, Templates
from upheld.readers.faults import Fault, Findings

LARGEST = 256 * 1024
"""Bytes of a template at most."""


def read_templates(folder: Path) -> Templates:
    """The texts under a folder, which have passed their check. Raises InputError with every fault."""
    findings, own = Findings(), {}
    if not folder.is_dir():
        findings.add(Fault(str(folder), None, "", "is no folder of templates"))
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
        try:
            content = path.read_bytes()
            if len(content) > LARGEST:
                findings.add(Fault(str(path), None, "", f"is larger than {LARGEST:,} bytes"))
                continue
            own[path.relative_to(folder).as_posix()] = Source(content.decode(), str(path))
        except UnicodeDecodeError:
            findings.add(Fault(str(path), None, "", "is not written in UTF-8"))
        except OSError as error:
            findings.add(Fault(str(path), None, "", error.strerror or "cannot be read"))
    findings.raise_any()
    templates = Templates(own)
    findings.add(*(Fault(fault.file, fault.line, "", fault.message) for fault in faults(templates)))
    findings.raise_any()
    return templates
