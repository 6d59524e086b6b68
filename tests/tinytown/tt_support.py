"""The real tt (tinytown 0.10.0) beside a town of ours, on one Redis of the test's own.

Which tt: the variable REEVE_TT, else the one on the PATH; ./dev test tinytown installs one.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import support  # noqa: E402

TT = os.environ.get("REEVE_TT") or shutil.which("tt") or ""
WANTED = "tt 0.10.0"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def missing():
    """Why nothing can be tested here; blank: it can."""
    if not TT or not os.access(TT, os.X_OK):
        return "THERE IS NO tt: NOTHING IS TESTED HERE (./dev test tinytown installs it, or set REEVE_TT)"
    version = subprocess.run([TT, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if version != WANTED:
        return f"{TT} IS {version or 'NO tt'}, NOT {WANTED}: NOTHING IS TESTED HERE"
    if not shutil.which("redis-server"):
        return "THERE IS NO redis-server ON THE PATH: NOTHING IS TESTED HERE"
    return ""


class Towns(support.Town):
    """One town in both programs: ours is called gold, and tt's, in another folder, too."""

    def setUp(self):
        why = missing()
        if why:
            self.skipTest(why)
        super().setUp()
        self.redis = support.Redis(self.base)
        self.addCleanup(self.redis.end)
        self.tt_root = self.base / "tt"
        self.tt_root.mkdir()
        self.tt_env = {**self.env, "REDIS_URL": self.redis.url, "HOME": str(self.base)}
        self.tt("init", "--name", "gold")
        self.addCleanup(self.end_daemon)
        self.reeve("init", "--name", "gold", "--cli", str(self.agent), "--durability", "os", "--mirror",
                   self.redis.url)

    def run_tt(self, *words, stdin=None):
        return subprocess.run([TT, *words], cwd=self.tt_root, env=self.tt_env, capture_output=True, text=True,
                              input=stdin, timeout=support.PATIENCE, check=False)

    def tt(self, *words, exit_code=0, **more):
        """What tt printed, without colours and its log's prefix."""
        done = self.run_tt(*words, **more)
        said = COLOUR.sub("", done.stdout)
        self.assertEqual(done.returncode, exit_code, f"tt {words}: {said}{done.stderr}"[:2000])
        return "\n".join(line.split("INFO tt: ", 1)[-1] for line in said.splitlines())

    def mirrored(self):
        """All that has happened is in Redis."""
        head = self.json("status")["events"]

        def there():
            mirror = self.json("mirror")
            return mirror["state"] == "following" and mirror["position"] >= head

        self.eventually(there)


def main():
    support.REEVE = sys.argv.pop(1)
    support.REEVE = os.path.abspath(support.REEVE)
    if missing():
        print(missing(), file=sys.stderr)
    unittest.main(module="__main__")
