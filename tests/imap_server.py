"""A real IMAP server, Dovecot, with a certificate of its own."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import trustme

from brokers import free_port

_CONFIG = """
base_dir = {place}/run
state_dir = {place}/state
log_path = {place}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
ssl = required
ssl_cert = <{place}/server.pem
ssl_key = <{place}/server.key
mail_location = maildir:{place}/mail/%u
first_valid_uid = 1
passdb {{
  driver = static
  args = password=opensesame
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={place}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {starttls_port}
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


class ImapServer:
    """Whoever signs in has a mailbox. `ca` is the file of the authority that has signed the server's certificate."""

    def __init__(self) -> None:
        # Not in pytest's own folder: no other user may enter that.
        self._place = place = Path(tempfile.mkdtemp(prefix="upheld-imap."))
        self._mail, self.ca, self._log = place / "mail", place / "ca.pem", place / "log"
        self.port, self.starttls_port = free_port(), free_port()
        for name in ("run", "state", "home", "mail"):
            (place / name).mkdir(parents=True)
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1", "localhost")
        authority.cert_pem.write_to_path(self.ca)
        certificate.private_key_pem.write_to_path(place / "server.key")
        for part in certificate.cert_chain_pems:
            part.write_to_path(place / "server.pem", append=True)
        # Dovecot gives root no mail: as root, it runs for its own user.
        account = pwd.getpwnam("dovecot") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        if os.getuid() == 0:
            for found in (place, *place.rglob("*")):
                os.chown(found, account.pw_uid, account.pw_gid)
        config = place / "dovecot.conf"
        group = subprocess.run(
            ["id", "-gn", account.pw_name], capture_output=True, text=True, check=True
        ).stdout.strip()
        named = {"user": account.pw_name, "group": group, "uid": account.pw_uid, "gid": account.pw_gid}
        ports = {"port": self.port, "starttls_port": self.starttls_port}
        config.write_text(_CONFIG.format(place=place, **named, **ports))
        self._process = subprocess.Popen([str(program()), "-F", "-c", str(config)])
        deadline = time.monotonic() + 30
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text() if self._log.exists() else "it has ended"
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.05)

    def deliver(self, user: str, name: str, body: bytes) -> None:
        """A mail arrives."""
        for part in ("", "new", "cur", "tmp"):
            self._own(self._mail / user / part, Path.mkdir)
        partial = self._mail / user / "tmp" / name
        partial.write_bytes(body)
        self._own(partial)
        partial.rename(self._mail / user / "new" / name)

    def seen(self, user: str) -> dict[str, bool]:
        """Which mails there are, and whether each is marked as seen."""
        found = [file.name for part in ("new", "cur") for file in (self._mail / user / part).iterdir()]
        return {name.partition(":")[0].partition(",")[0]: "S" in name.rpartition(":2,")[2] for name in sorted(found)}

    def _own(self, path: Path, make: Callable[[Path], None] | None = None) -> None:
        if make is not None and not path.exists():
            make(path)
        if os.getuid() == 0:
            owner = self._mail.stat()
            os.chown(path, owner.st_uid, owner.st_gid)

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        shutil.rmtree(self._place)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


def program() -> Path | None:
    """Dovecot's program, where it is installed."""
    found = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return None if found is None else Path(found)
