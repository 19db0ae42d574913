"""Makes what the S3 server of docker-compose.yml begins with: its folders, and Mingjian's account.

make_storage.py FOLDER: the account's keys come from MINGJIAN_S3_ACCESS_KEY and
MINGJIAN_S3_SECRET_KEY. It may make buckets and use those that it made, and nothing else; the
server's own root account is not used. Run at every start, so that new keys in .env hold.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

BUCKETS, ACCOUNTS = "buckets", "accounts"
_FILE = "users.json"  # the name and form of versitygw's internal account service


def make(folder: Path, environment: Mapping[str, str]) -> None:
    """Make the folders where they are missing, and write the file of accounts anew."""
    access, secret = (
        environment[name] for name in ("MINGJIAN_S3_ACCESS_KEY", "MINGJIAN_S3_SECRET_KEY")
    )
    for name in (BUCKETS, ACCOUNTS):
        (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    account = {"access": access, "secret": secret, "role": "userplus"}
    account |= {"userID": 0, "groupID": 0, "projectID": 0}
    draft, file = folder / ACCOUNTS / ".draft", folder / ACCOUNTS / _FILE
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(json.dumps({"accessAccounts": {access: account}}), encoding="utf-8")
    draft.replace(file)


if __name__ == "__main__":
    make(Path(sys.argv[1]), os.environ)
