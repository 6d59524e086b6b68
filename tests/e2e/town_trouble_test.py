"""Bad surroundings, and what helps behind them: folders that move, two daemons, names that a shell
would love, recovery, reclaim, reset.

    town_trouble_test.py PATH_TO_REEVE [TestName ...]

A prompt of 10 MB, a full disk, and what is not installed: e2e_test.py.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess

import support
from support import PATIENCE, Town


class TownTrouble(Town):
    def move(self, name):
        moved = self.base / name
        self.root.rename(moved)
        self.root = moved

    def test_a_moved_directory(self):
        self.make_town(durability="disk")
        self.spawn("ada")
        old = self.root
        self.reeve("stop")
        self.move("elsewhere")
        self.assertEqual(self.json("status")["root"], str(self.root))
        self.assertEqual(self.json("wait", "--task", self.assign("ada", "paint"))["state"], "completed")
        self.reeve("stop")
        moves = [event["payload"] for event in self.events("--kind", "TownMoved")]
        self.assertEqual(moves, [{"from": str(old), "to": str(self.root)}])

    def test_a_directory_that_is_moved_underneath_its_daemon(self):
        self.make_town(durability="disk")
        task = self.at_the_gate()
        old = self.root
        self.move("elsewhere")
        for words in (("list",), ("assign", "ada", "paint"), ("events", "--follow")):
            error = self.reeve(*words, exit_code=4)
            for said in (str(old), str(self.root), "reeve stop --daemon"):
                self.assertIn(said, error)
        self.reeve("stop", "--daemon")
        # The next daemon finds the round, which went along with its folder.
        self.assertEqual(self.json("list")[0]["agent"]["state"], "working")
        self.open_gate()
        self.assertEqual(self.json("wait", "--task", task), {"state": "completed", "result": "begun\nthrough the gate\n"})
        kinds = self.kinds()
        self.assertEqual([kinds.count(kind) for kind in ("TownMoved", "RunStarted", "RunCompleted")], [1, 1, 1])

    def test_a_copied_directory_leaves_the_rounds_of_the_original_alone(self):
        self.make_town(durability="disk")
        task = self.at_the_gate()
        self.reeve("stop", "--daemon")
        original, copy = self.root, self.base / "copy"
        shutil.copytree(original, copy, ignore=shutil.ignore_patterns("daemon.sock"))
        self.root = copy
        self.addCleanup(subprocess.run, [support.REEVE, "--town", str(copy), "stop"], env=self.env, check=False,
                        capture_output=True, timeout=PATIENCE)
        failed = self.until(self.follow(), "RunFailed")
        self.assertEqual(failed["payload"]["code"], "not_started")
        self.assertIn("TownMoved", self.kinds())
        self.reeve("stop")
        self.root = original
        self.open_gate()
        self.assertEqual(self.json("wait", "--task", task), {"state": "completed", "result": "begun\nthrough the gate\n"})
        self.assertEqual(self.kinds().count("RunStarted"), 1)

    def test_two_daemons(self):
        self.make_town()
        pid = self.json("status")["pid"]
        error = self.reeve("serve", exit_code=4)
        self.assertIn("process", error)
        self.assertIn("reeve stop", error)
        self.assertEqual(self.json("status")["pid"], pid)
        # One whose keeper was killed holds the store all the same.
        keeper = int((self.root / ".reeve" / "keeper.lock").read_text())
        os.kill(keeper, signal.SIGKILL)
        self.eventually(lambda: f"process {pid}" in self.run_reeve("serve").stderr)
        self.assertEqual(self.json("status")["pid"], pid)

    def test_a_read_only_directory(self):
        self.make_town()
        self.reeve("stop")
        self.base.chmod(0o755)
        program = self.base / "reeve"
        shutil.copy(support.REEVE, program)
        for folder, _, files in os.walk(self.root):
            os.chmod(folder, 0o555)
            for name in files:
                os.chmod(os.path.join(folder, name), 0o444)
        self.addCleanup(os.chmod, self.root / ".reeve", 0o700)
        self.addCleanup(os.chmod, self.root, 0o700)
        fresh = self.base / "fresh"
        fresh.mkdir(mode=0o555)
        somebody = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
        for root, words in ((fresh, ("init",)), (self.root, ("status",))):
            done = subprocess.run([program, "--town", str(root), *words], env=self.env, capture_output=True, text=True,
                                  timeout=PATIENCE, check=False, **somebody)
            self.assertIn(done.returncode, (1, 6, 7), done.stderr)
            self.assertTrue(done.stderr.startswith("reeve: "), done.stderr)
            self.assertIn(str(root), done.stderr)

    def test_a_name_full_of_glob_and_shell_characters(self):
        hostile = "a*b [c]? $(touch pwned) `touch pwned` 'q' \"d\" ;&| %2F #"
        root = self.base / hostile
        root.mkdir()
        self.make_town(root)
        self.assertEqual(self.json("status")["root"], str(root))
        for name in (hostile, "*", "ada;", "$HOME", "a/b", "../ada"):
            error = self.reeve("spawn", name, "--cli", "cat", exit_code=2)
            self.assertIn("is not a name", error)
        self.reeve("spawn", "ada", "--cli", "cat", "--role", hostile)
        task = self.assign("ada", hostile)
        self.assertIn(hostile, self.json("wait", "--task", task)["result"])
        self.reeve("assign", hostile, "x", exit_code=3)
        self.assertEqual(list(self.base.rglob("pwned")), [])

    def test_a_command_with_a_pipe_in_it(self):
        self.make_town()
        error = self.reeve("spawn", "ada", "--cli", "cat | wc -c", exit_code=2)
        self.assertIn("script", error)
        self.assertIn("sh -c '...'", error)
        script = self.base / "count.sh"
        script.write_text("#!/bin/sh\ncat | wc -c\n")
        script.chmod(0o755)
        for name, command in (("ada", "sh -c 'cat | wc -c'"), ("bob", str(script))):
            self.reeve("spawn", name, "--cli", command)
            reply = self.json("wait", "--task", self.assign(name, "x" * 1000))
            self.assertGreater(int(reply["result"]), 1000, "the prompt was lost")

    def test_an_unknown_agent(self):
        self.make_town()
        self.spawn("ada")
        for words in (("assign", "adda", "x"), ("kill", "adda"), ("inbox", "adda"), ("reclaim", "--from", "adda")):
            self.assertIn("did you mean ada?", self.reeve(*words, exit_code=3), words)


class TownRecoveryCommands(Town):
    def test_recover_behind_a_killed_daemon(self):
        self.make_town(durability="disk")
        task = self.at_the_gate()
        os.kill(self.json("status")["pid"], signal.SIGKILL)
        report = self.json("recover")
        self.assertEqual((report["rounds_found"], report["rounds"]), (1, 1))
        self.assertEqual((report["orphans"], report["mended"]), ([], 0))
        self.assertIn("took up 1 round", self.reeve("recover", "--dry-run"))
        self.open_gate()
        self.assertEqual(self.json("wait", "--task", task)["state"], "completed")
        self.assertEqual(self.json("recover")["orphans"], [])

    def test_what_waits_for_a_killed_agent_is_reclaimed(self):
        self.make_town()
        gate = self.at_the_gate()
        paint = self.assign("ada", "paint")
        self.reeve("kill", "ada")
        self.eventually(lambda: self.json("list")[0]["agent"]["state"] == "stopped")
        self.opened.close()
        listed = self.json("reclaim")
        self.assertEqual([(of["agent"], of["tasks"], of["messages"]) for of in listed["agents"]], [("ada", 2, 2)])
        self.assertTrue(listed["dry_run"])
        self.assertIn("nothing was moved", self.reeve("reclaim"))
        trouble = self.json("recover")["trouble"]
        self.assertEqual([of["agent"] for of in trouble], ["ada"])
        self.spawn("bob")
        self.assertEqual(self.json("reclaim", "--from", "ada", "--to", "bob")["done"]["tasks"], 2)
        with open(self.gate, "w", encoding="utf-8"):
            pass
        for task in (gate, paint):
            self.assertEqual(self.json("wait", "--task", task)["state"], "completed")
            self.assertEqual(self.json("task", "show", task)["agent"], "bob")
        self.assertIn("nothing waits", self.reeve("reclaim"))


class TownReset(Town):
    def test_w03_a_reset_ends_rounds_first_and_the_town_begins_anew(self):
        self.make_town(durability="disk")
        self.at_the_gate()
        status = self.json("status")
        error = self.reeve("reset", exit_code=2)
        self.assertIn("--force", error)
        self.assertEqual(self.json("status")["log"], status["log"])
        done = self.json("reset", "--force")
        # The gate has no reader any more: the round and its processes are gone.
        with self.assertRaises(OSError):
            os.close(os.open(self.gate, os.O_WRONLY | os.O_NONBLOCK))
        self.assertEqual(self.kinds(), ["TownCreated", "TownReset", "DaemonStarted"])
        told = self.events("--kind", "TownReset")[0]["payload"]
        self.assertEqual(told["former_log"], status["log"])
        self.assertNotEqual(self.json("status")["log"], status["log"])
        self.assertEqual(done["log"], self.json("status")["log"])
        self.assertEqual(str(self.root / told["kept_in"]), done["kept_in"])
        kept = self.root / told["kept_in"]
        self.assertTrue((kept / "town.db").exists() and any((kept / "rounds").iterdir()))
        self.assertEqual(self.json("status")["name"], "oak")

    def test_w56_a_reset_leaves_nothing_behind(self):
        self.make_town()
        self.spawn("ada")
        self.reeve("wait", "--task", self.assign("ada", "paint"))
        self.reeve("send", "supervisor", "hello")
        self.reeve("reset", "--force")
        self.assertEqual(self.json("list"), [])
        self.assertEqual(self.json("task", "list")["tasks"], [])
        self.assertEqual(self.json("inbox")["messages"], [])
        self.assertEqual(list((self.root / ".reeve" / "rounds").iterdir()), [])
        self.spawn("ada")  # its name is free
        self.assertEqual(self.json("wait", "--task", self.assign("ada", "paint"))["state"], "completed")
        self.reeve("reset", "--force")
        self.assertEqual(len(list((self.root / ".reeve").glob("before-reset-*"))), 2)

    def test_a_reset_of_the_agents_leaves_the_rest(self):
        self.make_town()
        self.reeve("send", "supervisor", "hello")
        waiting = self.json("backlog", "add", "later")["id"]
        self.spawn("bob")
        over = self.assign("bob", "paint")
        self.reeve("wait", "--task", over)
        task = self.at_the_gate()
        log = self.json("status")["log"]
        said = self.reeve("reset", "--agents-only", exit_code=2)
        self.assertIn("--agents-only --force", said)
        self.assertEqual(len(self.json("list")), 2)
        gone = self.json("reset", "--agents-only", "--force")["agents"]
        self.assertEqual(sorted(agent["name"] for agent in gone), ["ada", "bob"])
        # The gate has no reader any more: the round has ended.
        with self.assertRaises(OSError):
            os.close(os.open(self.gate, os.O_WRONLY | os.O_NONBLOCK))
        self.assertEqual(self.json("list"), [])
        states = {view["task"]["id"]: view["task"]["state"] for view in self.json("task", "list")["tasks"]}
        self.assertEqual(states, {over: "completed", task: "cancelled", waiting: "pending"})
        self.assertEqual(self.json("status")["log"], log)
        self.assertEqual(len(self.json("inbox")["messages"]), 1)
        self.spawn("ada")  # its name is free
        self.assertEqual(self.json("wait", "--task", self.assign("ada", "paint"))["state"], "completed")

    def test_a_reset_that_was_cut_off_is_gone_on_with(self):
        self.make_town()
        self.spawn("ada")
        self.reeve("stop")
        pending = self.root / ".reeve" / "reset-pending"
        pending.mkdir()
        (pending / "reset.json").write_text(json.dumps({"former_log": "x", "kept_in": ".reeve/before-reset-1"}))
        (self.root / ".reeve" / "town.db").rename(pending / "town.db")
        self.assertTrue(self.json("reset", "--force")["kept_in"].endswith("before-reset-1"))
        self.assertEqual(self.kinds(), ["TownCreated", "TownReset", "DaemonStarted"])
        self.assertEqual(self.json("list"), [])

    def test_a_store_elsewhere_is_kept_beside_where_it_was(self):
        shelf = self.base / "shelf"
        shelf.mkdir()
        database = shelf / "oak.db"
        self.addCleanup(self.end_daemon)
        self.reeve("init", "--name", "oak", "--cli", str(self.agent), "--store", f"sqlite:{database}")
        self.spawn("ada")
        former = self.json("status")["log"]
        self.assertIn(f"beside {database}", self.run_reeve("reset").stdout)
        done = self.json("reset", "--force")
        self.assertNotEqual(done["log"], former)
        self.assertEqual(self.json("list"), [])
        self.assertEqual(self.events("--kind", "TownReset")[0]["payload"]["former_log"], former)
        # Back again, as it says.
        self.reeve("stop")
        for part in [*shelf.glob("oak.db"), *shelf.glob("oak.db-*"), *shelf.glob("oak.db.lock")]:
            part.unlink()
        for part in shelf.iterdir():
            part.rename(shelf / part.name.replace(pathlib.Path(done["store_kept_as"]).name, "oak.db"))
        self.assertEqual(self.json("status")["log"], former)
        self.assertEqual([view["agent"]["name"] for view in self.json("list")], ["ada"])

    def test_a_store_elsewhere_of_which_nobody_knows_whose_it_is_stays(self):
        shelf = self.base / "shelf"
        shelf.mkdir()
        database = shelf / "oak.db"
        self.addCleanup(self.end_daemon)
        self.reeve("init", "--name", "oak", "--cli", str(self.agent), "--store", f"sqlite:{database}")
        self.spawn("ada")
        self.reeve("stop")
        database.write_bytes(b"this is no database" * 1000)
        refused = self.run_reeve("reset", "--force")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn(f"move {database} aside yourself", refused.stderr)
        self.assertTrue(database.exists())

    def test_a_store_that_cannot_be_opened_is_set_aside_too(self):
        self.make_town()
        self.spawn("ada")
        self.reeve("stop")
        database = self.root / ".reeve" / "town.db"
        database.write_bytes(b"this is no database" * 1000)
        self.assertNotEqual(self.run_reeve("list").returncode, 0)
        self.assertNotEqual(self.run_reeve("reset").returncode, 0)
        kept = self.json("reset", "--force")["kept_in"]
        with open(os.path.join(kept, "town.db"), "rb") as file:
            self.assertTrue(file.read().startswith(b"this is no database"))
        self.assertEqual(self.json("list"), [])

    def test_an_agent_cannot_reset(self):
        self.make_town()
        self.agent.write_text("#!/bin/sh\nreeve reset --force 2>&1; echo $?\n")
        self.spawn("ada")
        result = self.json("wait", "--task", self.assign("ada", "try"))["result"]
        self.assertIn("outside of a round", result)
        self.assertTrue(result.rstrip().endswith("7"), result)
        self.assertNotIn("TownReset", self.kinds())


if __name__ == "__main__":
    support.main()
