"""Rounds of real processes: interrupted, silent, too long, of a CLI that is not there.

    town_rounds_test.py PATH_TO_REEVE [TestName ...]
"""

import os
import pathlib
import signal

import support
from support import Town

# Ignores every polite request, and leaves a child behind that does so, too.
STUBBORN = """#!/bin/sh
trap '' INT TERM HUP
sh -c 'trap "" INT TERM HUP; echo $$ > PIDS/child; while :; do sleep 1; done' &
setsid sh -c 'trap "" INT TERM HUP; echo $$ > PIDS/stranger; while :; do sleep 1; done' &
until [ -s PIDS/child ] && [ -s PIDS/stranger ]; do sleep 0.01; done
echo $$ > PIDS/leader
while :; do sleep 1; done
"""

ASKING = """#!/bin/sh
cat > /dev/null
echo "reading the plan"
printf '\\033[1mOverwrite plan.md? [y/N] \\033[0m'
cat GATE > /dev/null
"""

ONCE = """#!/bin/sh
cat > /dev/null
if [ -e SEEN ]; then echo "done now"; else touch SEEN; while :; do sleep 1; done; fi
"""


def alive(pid):
    """A zombie is not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class TownRounds(Town):
    def script(self, name, text, **places):
        path = self.base / name
        for word, place in places.items():
            text = text.replace(word, str(place))
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    def stubborn(self):
        """An agent in a round that nobody can ask to end; its task and its processes."""
        pids = self.base / "pids"
        pids.mkdir()
        self.make_town()
        self.reeve("spawn", "ada", "--cli", self.script("stubborn.sh", STUBBORN, PIDS=pids))
        task = self.assign("ada", "paint")
        self.eventually(lambda: (pids / "leader").exists() and (pids / "leader").read_text().strip())
        found = [int((pids / name).read_text()) for name in ("leader", "child", "stranger")]
        self.addCleanup(self.end_processes, found)
        for pid in found:
            self.assertTrue(alive(pid))
        return task, found

    def end_processes(self, pids):
        for pid in pids:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)

    def state(self):
        return self.json("list")[0]["agent"]["state"]

    def test_w04_an_interrupt_ends_a_child_that_ignores_it(self):
        task, pids = self.stubborn()
        self.reeve("interrupt", "ada", "--reason", "wrong branch")
        # Five seconds for SIGINT, five for SIGTERM, then it is killed: long before PATIENCE is over.
        self.eventually(lambda: not any(alive(pid) for pid in pids))
        self.until(self.follow("--scope", f"task:{task}"), "RunCancelled")
        self.assertEqual(self.state(), "paused")
        self.assertEqual([m["attempt"] for m in self.json("inbox", "ada")["messages"]], [0])
        self.assertEqual(self.json("task", "show", task)["task"]["state"], "assigned")
        self.reeve("kill", "ada")

    def test_w04_a_kill_ends_a_child_that_ignores_it(self):
        task, pids = self.stubborn()
        self.reeve("kill", "ada")
        self.eventually(lambda: self.state() == "stopped")
        # It is stopped when its processes are gone, not when that was asked for.
        self.assertEqual([pid for pid in pids if alive(pid)], [])
        self.assertIn("RunCancelled", self.kinds("--scope", f"task:{task}"))

    def test_w12_a_silent_round_is_told_with_its_last_lines(self):
        self.make_town()
        asking = self.script("asking.sh", ASKING, GATE=self.gate)
        self.reeve("spawn", "ada", "--cli", asking, "--silence", "1")
        task = self.assign("ada", "paint")
        silent = self.until(self.follow(), "RunSilent")
        self.assertEqual(silent["payload"]["last_lines"], "reading the plan\nOverwrite plan.md? [y/N] ")
        attention = self.json("list")[0]["agent"]["attention"]
        self.assertIn("its last line: Overwrite plan.md? [y/N]", attention)
        with open(self.gate, "w", encoding="utf-8"):
            pass
        self.assertEqual(self.json("wait", "--task", task)["state"], "completed")
        self.assertIsNone(self.json("list")[0]["agent"].get("attention"))

    def test_w11_a_round_that_takes_too_long_is_ended_and_tried_again(self):
        self.make_town()
        once = self.script("once.sh", ONCE, SEEN=self.base / "seen")
        # Long enough for a round that does not hang, on a busy machine.
        self.reeve("spawn", "ada", "--cli", once, "--round-limit", "5")
        task = self.assign("ada", "paint")
        self.assertEqual(self.json("wait", "--task", task)["result"], "done now\n")
        failed = [e["payload"]["code"] for e in self.events("--kind", "RunFailed")]
        self.assertEqual(failed, ["deadline"])

    def test_a_cli_that_is_not_there_waits_for_a_person(self):
        self.make_town()
        missing = self.base / "missing.sh"
        self.reeve("spawn", "ada", "--cli", str(missing), "--unchecked")
        task = self.assign("ada", "paint")
        self.until(self.follow(), "AgentFailed")
        agent = self.json("list")[0]["agent"]
        self.assertEqual(agent["state"], "error")
        self.assertIn("reeve restart ada", agent["attention"])
        self.assertIn("ada cannot work", self.reeve("wait", "ada", exit_code=4))
        self.script("missing.sh", "#!/bin/sh\necho here now\n")
        self.reeve("restart", "ada")
        self.assertEqual(self.json("wait", "--task", task)["result"], "here now\n")


if __name__ == "__main__":
    support.main()
