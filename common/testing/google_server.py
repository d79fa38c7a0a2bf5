"""A server of Google's storage protocol for tests: python -m common.testing.google_server PORT.

gcp-storage-emulator takes the first part of an upload whose length is not known yet, as pyarrow's
are, for all of it. Here such parts are gathered first.
"""

import io
import sys
from typing import IO, Dict

from gcp_storage_emulator import server

BUCKET = "bucket"
_MORE_TO_COME = 308
_parts: Dict[str, bytes] = {}


class _Gathering(server.RequestHandler):
    """Answers as the emulator does, to uploads once all of their parts are there."""

    rfile: IO[bytes]

    def do_PUT(self) -> None:
        """Takes a part of an upload; `/*` at the end of its range says that more will come."""
        part = self.rfile.read(int(self.headers["Content-Length"]))
        whole = _parts.pop(self.path, b"") + part
        if self.headers.get("Content-Range", "").endswith("/*"):
            _parts[self.path] = whole
            self.send_response(_MORE_TO_COME)
            self.send_header("Range", "bytes=0-{}".format(len(whole) - 1))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        del self.headers["Content-Range"]
        self.headers.replace_header("Content-Length", str(len(whole)))
        self.rfile = io.BytesIO(whole)
        super().do_PUT()


if __name__ == "__main__":
    server.RequestHandler = _Gathering
    server.create_server("127.0.0.1", int(sys.argv[1]), True, BUCKET).run()
