"""A town for tests of the real program, from a user's side.

Nothing sleeps to let something happen: agents wait at a gate (a FIFO) that the test opens, and
commands return when what they were asked for is so.
"""

import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

REEVE = ""
PATIENCE = 60  # seconds; reached only where something is broken

AGENT = """#!/bin/sh
prompt=$(cat)
case "$prompt" in
  *SIZE*) printf '%s' "$prompt" | wc -c ;;
  *GATE*) echo begun; cat GATE_FILE > /dev/null; echo "through the gate" ;;
  *REPORT*) reeve task complete "$REEVE_TASK" --result "reported from inside" ;;
  *FAIL*) echo "no such luck" >&2; exit 3 ;;
  *) echo "done: $REEVE_AGENT" ;;
esac
"""


class Door(http.client.HTTPConnection):
    """A connection to a town's daemon."""

    def __init__(self, root):
        super().__init__("town", timeout=PATIENCE)
        self.path = str(root / ".reeve" / "daemon.sock")

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)

    def ask(self, method, target, body=None):
        """The answer's status and its JSON."""
        self.request(method, target, None if body is None else json.dumps(body))
        response = self.getresponse()
        return response.status, json.loads(response.read())


class Town(unittest.TestCase):
    def setUp(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="reeve_e2e_"))
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.root = self.base / "town"
        self.root.mkdir()
        self.agent = self.base / "agent.sh"
        self.gate = self.base / "gate"
        os.mkfifo(self.gate)
        self.agent.write_text(AGENT.replace("GATE_FILE", str(self.gate)))
        self.agent.chmod(0o755)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("REEVE_")}
        self.env.update(HOME=str(self.base))

    def make_town(self, root=None, durability="os"):
        self.root = root or self.root
        self.addCleanup(self.end_daemon)
        self.reeve("init", "--name", "oak", "--cli", str(self.agent), "--durability", durability)

    def end_daemon(self):
        subprocess.run([REEVE, "--town", str(self.root), "stop"], env=self.env, timeout=PATIENCE,
                       capture_output=True, check=False)

    def run_reeve(self, *words, stdin=None, **more):
        return subprocess.run([REEVE, "--town", str(self.root), *words], env=self.env, input=stdin,
                              capture_output=True, text=True, timeout=PATIENCE, check=False, **more)

    def reeve(self, *words, exit_code=0, **more):
        """What the command printed."""
        done = self.run_reeve(*words, **more)
        self.assertEqual(done.returncode, exit_code, f"reeve {words}: {done.stdout}{done.stderr}"[:2000])
        return done.stdout if exit_code == 0 else done.stderr

    def json(self, *words, **more):
        return json.loads(self.reeve("--json", *words, **more))

    def door(self):
        door = Door(self.root)
        self.addCleanup(door.close)
        return door

    def spawn(self, name, *more):
        return self.json("spawn", name, "--cli", str(self.agent), *more)

    def assign(self, agent, text):
        return self.json("assign", agent, text)["id"]

    def events(self, *words):
        return [json.loads(line) for line in self.reeve("--json", "events", "--all", *words).splitlines()]

    def kinds(self, *words):
        return [event["kind"] for event in self.events(*words)]

    def follow(self, *words):
        """Events as they happen, until somebody has seen enough."""
        return self.begin("events", "--all", "--follow", *words).stdout

    def begin(self, *words):
        """A command that goes on for a while."""
        process = subprocess.Popen([REEVE, "--town", str(self.root), "--json", *words], env=self.env, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)

        def end():
            process.kill()
            process.communicate()

        self.addCleanup(end)
        return process

    def until(self, lines, kind):
        for line in lines:
            event = json.loads(line)
            if event.get("kind") == kind:
                return event
        self.fail(f"no {kind}")

    def eventually(self, seen):
        """Asks until it is so, where nobody tells."""
        deadline = time.monotonic() + PATIENCE
        while not seen():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def at_the_gate(self, agent="ada", *spawn_options):
        """An agent whose round has begun and waits."""
        self.spawn(agent, *spawn_options)
        task = self.assign(agent, "GATE")
        self.until(self.follow(), "RunStarted")
        # Opening the other side returns when the agent is there, so it has begun.
        self.opened = open(self.gate, "w", encoding="utf-8")
        self.addCleanup(self.opened.close)
        return task

    def open_gate(self):
        self.opened.close()


class Redis:
    """A redis-server on a free port of the loopback."""

    def __init__(self, folder):
        self.folder = folder
        for _ in range(20):
            if self.start(free_port()):
                return
            self.process.wait()  # another was faster on that port
        raise RuntimeError("no redis-server came up")

    def start(self, port):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--dir", str(self.folder)], stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if "eady to accept connections" in line:
                self.port = port
                self.url = f"redis://127.0.0.1:{port}"
                return True
        return False

    def put_back(self):
        """Kills it; it comes back as it was when it was told to SAVE."""
        self.end()
        if not self.start(self.port):
            raise RuntimeError("redis-server did not come up again")

    def cli(self, *words):
        done = subprocess.run(["redis-cli", "-p", str(self.port), *words], capture_output=True, text=True, check=True,
                              timeout=PATIENCE)
        return done.stdout.strip()

    def end(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    """X_test.py PATH_TO_REEVE [TestName ...]"""
    global REEVE
    REEVE = os.path.abspath(sys.argv[1])
    unittest.main(module="__main__", argv=sys.argv[:1] + sys.argv[2:])
