"""Towns on Redis: chosen, shared, moved, begun anew, taken over from tinytown."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import unittest

import support


@unittest.skipUnless(shutil.which("redis-server"), "THERE IS NO redis-server ON THE PATH: NOTHING IS TESTED HERE")
class RedisTown(support.Town):
    def setUp(self):
        super().setUp()
        self.socket = self.base / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.redis = None
        self.start_redis()

    def start_redis(self, *more):
        self.redis = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.base), "--save", "",
             "--appendonly", "yes", "--appendfsync", "always", *more],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.redis.wait)
        self.addCleanup(self.redis.kill)
        self.eventually(lambda: self.ask("PING") == "PONG")

    def ask(self, *words):
        done = subprocess.run(["redis-cli", "-s", str(self.socket), *words], capture_output=True, text=True,
                              errors="replace", timeout=support.PATIENCE, check=False)
        return done.stdout.strip()

    def make_redis_town(self, *more):
        self.addCleanup(self.end_daemon)
        self.reeve("init", "--name", "oak", "--cli", str(self.agent), "--store", self.url, *more)

    def other_folder(self):
        """Another folder, as another machine would have one."""
        other = self.base / "other"
        other.mkdir()
        self.addCleanup(lambda at=str(other): subprocess.run(
            [support.REEVE, "--town", at, "stop"], env=self.env, timeout=support.PATIENCE, capture_output=True,
            check=False))
        return other

    def at(self, root, *words):
        return subprocess.run([support.REEVE, "--town", str(root), *words], env=self.env, capture_output=True,
                              text=True, timeout=support.PATIENCE, check=False)

    def settings(self):
        return (self.root / ".reeve" / "town.toml").read_text()

    def test_a_town_on_redis_works_and_lasts(self):
        self.make_redis_town()
        self.spawn("ada")
        task = self.assign("ada", "hello")
        self.reeve("wait", "ada")
        self.assertEqual(self.json("task", "show", task)["task"]["state"], "completed")
        self.assertIn(f"redis unix://{self.socket}", self.json("status")["store"])
        # The daemon is killed: the next one has the town at once, and everything is there.
        pid = self.json("status")["pid"]
        subprocess.run(["kill", "-9", str(pid)], check=True)
        self.eventually(lambda: self.json("status")["pid"] != pid)
        self.assertEqual(self.json("task", "show", task)["task"]["state"], "completed")
        found = json.loads(self.run_reeve("--json", "doctor").stdout)
        verdicts = {one["subject"]: one["verdict"] for one in found}
        self.assertEqual(verdicts["redis"], "good")
        self.assertEqual(verdicts["store"], "good")

    def test_a_second_daemon_is_refused_and_told_who(self):
        self.make_redis_town()
        pid = self.json("status")["pid"]
        other = self.other_folder()
        # By accident nobody joins a town of the same name.
        self.assertEqual(self.at(other, "init", "--name", "oak", "--store", self.url).returncode, 4)
        self.assertEqual(self.at(other, "init", "--name", "oak", "--store", self.url, "--join").returncode, 0)
        refused = self.at(other, "status")
        self.assertEqual(refused.returncode, 6, refused.stdout)
        self.assertIn(f"process {pid}", refused.stderr)
        # Handed over in order, it is free at once.
        self.reeve("stop")
        self.assertEqual(self.at(other, "status").returncode, 0)
        self.assertIn("process", self.reeve("status", exit_code=6))

    def test_whoever_has_lost_the_town_stops_at_once(self):
        self.make_redis_town()
        pid = self.json("status")["pid"]
        meta = "reeve:{oak}:meta"
        # As if another machine had taken it, after its lease had run out.
        self.ask("HSET", meta, "holder", "elsewhere", "who", "elm, process 7, since noon", "until", "9999999999999")
        self.ask("HSET", meta, "epoch", "9")
        state = "local s = redis.call('GET', KEYS[1]) " \
                "redis.call('SET', KEYS[1], string.match(s, '^%S+') .. ' 9' .. string.sub(s, -48))"
        self.ask("EVAL", state, "1", "reeve:{oak}:state")
        self.eventually(lambda: not pathlib.Path(f"/proc/{pid}").exists()
                        or pathlib.Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] == "Z")
        self.assertIn("elm, process 7", (self.root / ".reeve" / "daemon.log").read_text())
        self.assertIn("elm, process 7", self.reeve("status", exit_code=6))
        self.ask("HSET", meta, "holder", "", "until", "0")

    def test_a_town_moves_to_redis_and_back_with_its_cursors(self):
        self.make_town(durability="disk")
        self.spawn("ada")
        self.assign("ada", "first")
        self.reeve("wait", "ada")
        events = self.events()
        cursor = self.json("status")["cursor"]
        self.reeve("migrate", "--to", self.url, exit_code=4)  # its daemon runs
        self.reeve("stop")
        planned = self.json("migrate", "--to", self.url, "--dry-run")
        self.assertFalse(planned["done"])
        self.assertEqual(self.ask("KEYS", "*"), "")
        moved = self.json("migrate", "--to", self.url)
        self.assertTrue(moved["done"])
        self.assertEqual(moved["rows"], planned["rows"])
        self.assertEqual(moved["digest"], planned["digest"])
        self.assertTrue((pathlib.Path(moved["kept_in"]) / "town.db").exists())
        self.assertIn(str(self.socket), self.settings())
        after = self.events("--after", cursor)
        self.assertEqual([one["kind"] for one in after], ["DaemonStopped", "DaemonStarted"])
        again = self.events()
        self.assertEqual([one["id"] for one in again[:len(events)]], [one["id"] for one in events])
        self.assign("ada", "second")
        self.reeve("wait", "ada")
        self.reeve("migrate", "--to", self.url, exit_code=4)  # it is there already
        self.reeve("stop")
        back = self.json("migrate", "--to", "sqlite")
        self.assertEqual(back["log"], moved["log"])
        self.assertIn("reeve:{oak}:", back["kept_in"])
        self.assertEqual(self.json("status")["tasks"]["completed"], 2)
        # What was left on Redis is nobody's town any more.
        other = self.other_folder()
        self.assertEqual(self.at(other, "init", "--name", "oak", "--store", self.url, "--join").returncode, 0)
        gone = self.at(other, "status")
        self.assertEqual(gone.returncode, 6)
        self.assertIn("moved to", gone.stderr)
        # It may go there again: the old one is kept aside.
        self.reeve("stop")
        self.reeve("migrate", "--to", self.url, exit_code=4)
        self.assertTrue(self.json("migrate", "--to", self.url, "--replace")["done"])
        self.assertEqual(self.ask("GET", "reeve:{oak}:now"), "2")
        self.assertEqual(self.json("status")["tasks"]["completed"], 2)

    def test_a_move_that_was_killed_changes_nothing_and_is_begun_anew(self):
        self.make_town(durability="disk")
        self.spawn("ada")
        for number in range(30):
            self.assign("ada", f"task {number}")
        self.reeve("stop")
        before = self.settings()
        for _ in range(4):
            process = self.begin("migrate", "--to", self.url)
            self.eventually(lambda: self.ask("EXISTS", "reeve:{oak}:meta") == "1" or process.poll() is not None)
            process.send_signal(signal.SIGKILL)
            process.wait()
            if self.settings() != before:
                break  # it was faster
            self.assertTrue((self.root / ".reeve" / "town.db").exists())
            # Half a town is none.
            other = self.base / "look"
            shutil.rmtree(other, ignore_errors=True)
            other.mkdir()
            self.assertNotEqual(self.at(other, "init", "--name", "oak", "--store", self.url, "--join").returncode, 0)
            # Whoever was killed is not heard of any more.
            self.ask("HSET", "reeve:{oak}:meta", "until", "0")
        else:
            self.assertTrue(self.json("migrate", "--to", self.url)["done"])
        self.assertEqual(len(self.json("task", "list", "--all")["tasks"]), 30)

    def test_a_move_away_from_redis_that_was_cut_off_goes_on(self):
        self.make_redis_town()
        self.spawn("ada")
        self.assign("ada", "hello")
        self.reeve("wait", "ada")
        self.reeve("stop")
        before = self.settings()
        moved = self.json("migrate", "--to", "sqlite")
        self.assertFalse(moved["followed"])
        after = self.settings()
        # As if it had been killed before the settings were written: the town is there, and not here.
        (self.root / ".reeve" / "town.toml").write_text(before)
        self.assertIn("moved to", self.reeve("status", exit_code=6))
        again = self.json("migrate", "--to", "sqlite")
        self.assertTrue(again["followed"])
        self.assertEqual(again["log"], moved["log"])
        self.assertEqual(self.settings(), after)
        # As if it had been killed before the copy was whole: it is made again.
        (self.root / ".reeve" / "town.toml").write_text(before)
        (self.root / ".reeve" / "town.db").unlink()
        again = self.json("migrate", "--to", "sqlite")
        self.assertFalse(again["followed"])
        self.assertEqual(again["digest"], moved["digest"])
        self.assertEqual(self.json("status")["tasks"]["completed"], 1)

    def test_a_town_that_somebody_took_meanwhile_is_not_moved(self):
        self.make_redis_town()
        self.spawn("ada")
        self.reeve("stop")
        before = self.settings()
        mover = self.begin("migrate", "--to", "sqlite")
        self.eventually(lambda: self.ask("HGET", "reeve:{oak}:meta", "holder") != "" or mover.poll() is not None)
        mover.send_signal(signal.SIGSTOP)
        if self.ask("HEXISTS", "reeve:{oak}:meta", "moved") == "1" or self.settings() != before:
            mover.send_signal(signal.SIGCONT)  # it was faster
            mover.wait()
            return
        # Its hold has run out, and another folder runs the town.
        self.ask("HSET", "reeve:{oak}:meta", "until", "0")
        other = self.other_folder()
        self.assertEqual(self.at(other, "init", "--name", "oak", "--store", self.url, "--join").returncode, 0)
        sent = self.at(other, "send", "ada", "hello")
        self.assertEqual(sent.returncode, 0, sent.stderr)
        mover.send_signal(signal.SIGCONT)
        self.assertNotEqual(mover.wait(), 0)
        self.assertEqual(self.settings(), before)
        self.assertEqual(self.ask("HEXISTS", "reeve:{oak}:meta", "moved"), "0")
        self.assertIn("MessageSent", self.at(other, "events", "--all").stdout)

    def test_nobody_ends_a_move_by_looking(self):
        self.make_redis_town()
        self.spawn("ada")
        self.reeve("stop")
        self.redis.send_signal(signal.SIGSTOP)  # the move waits for it
        mover = self.begin("migrate", "--to", "sqlite")
        lock = self.root / ".reeve" / "keeper.lock"
        self.eventually(lambda: lock.exists() and "being moved" in lock.read_text())
        self.assertIn("being moved", self.reeve("list", exit_code=6))
        self.redis.send_signal(signal.SIGCONT)
        self.assertEqual(mover.wait(), 0)
        self.assertIn("ada", self.reeve("list"))

    def test_a_town_that_redis_lost_begins_anew(self):
        self.make_redis_town()
        self.spawn("ada")
        self.reeve("reset", "--force")
        self.spawn("bob")
        # Its daemon lives, and works on a round.
        self.at_the_gate("dan")
        self.ask("FLUSHALL")
        self.assertIn("docs/redis.md", self.run_reeve("status").stderr)
        self.assertTrue(self.json("reset", "--force")["done"])
        self.assertEqual(self.json("status")["agents"], [])
        self.spawn("cyd")
        self.assertEqual(self.ask("GET", "reeve:{oak}:now"), "3")

    def test_a_reset_on_redis_keeps_the_former_town(self):
        self.make_redis_town()
        self.spawn("ada")
        former = self.json("status")
        done = self.json("reset", "--force")
        self.assertNotEqual(done["log"], former["log"])
        now = self.json("status")
        self.assertEqual(now["agents"], [])
        self.assertIn("TownReset", self.kinds())
        self.assertTrue(self.ask("GET", "reeve:{oak}:state").startswith(former["log"]))
        self.assertTrue(self.ask("GET", "reeve:{oak@2}:state").startswith(done["log"]))
        # Somebody else has it: nothing is reset.
        self.reeve("stop")
        other = self.other_folder()
        self.at(other, "init", "--name", "oak", "--store", self.url, "--join")
        self.assertEqual(self.at(other, "status").returncode, 0)
        self.assertIn("process", self.reeve("reset", "--force", exit_code=6))
        self.assertEqual(self.ask("GET", "reeve:{oak}:now"), "2")

    def test_what_does_not_fit_is_refused_at_init(self):
        where = ("init", "--name", "oak", "--store")
        self.assertIn("redis.sock", self.reeve(*where, f"unix://{self.base}/no.redis.sock", exit_code=6))
        self.assertEqual(self.run_reeve(*where, "http://x").returncode, 2)
        told = self.reeve(*where, "redis://:hunter2@127.0.0.1:1", exit_code=6)
        self.assertNotIn("hunter2", told)
        self.ask("CONFIG", "SET", "appendfsync", "everysec")
        self.assertIn("appendfsync", self.reeve(*where, self.url, exit_code=7))
        self.assertFalse((self.root / ".reeve").exists())
        self.make_redis_town("--durability", "everysec")
        self.assertEqual(self.json("status")["durability"], "everysec")
        found = {one["subject"]: one for one in json.loads(self.run_reeve("--json", "doctor").stdout)}
        self.assertEqual(found["redis"]["verdict"], "note")

    def test_a_password_comes_from_a_variable_and_is_never_shown(self):
        self.ask("CONFIG", "SET", "requirepass", "hunter2")
        self.assertEqual(self.run_reeve("init", "--name", "oak", "--store", self.url).returncode, 7)
        self.env["OAK_PASSWORD"] = "hunter2"
        self.make_redis_town("--password-env", "OAK_PASSWORD")
        self.spawn("ada")
        for words in (("status",), ("config",), ("doctor",), ("events", "--all")):
            self.assertNotIn("hunter2", self.run_reeve(*words).stdout)
        self.assertNotIn("hunter2", self.settings())
        self.assertNotIn("hunter2", (self.root / ".reeve" / "daemon.log").read_text())

    def test_a_daemon_stops_while_its_redis_is_away(self):
        self.make_redis_town()
        with (self.root / ".reeve" / "town.toml").open("a", encoding="utf-8") as file:
            file.write('[providers.hang]\nkind = "scripted"\nturns = [[{ text = "I begin" }, { hang = true }]]\n')
        pid = self.json("status")["pid"]
        run = self.reeve("emit", "--no-wait", "hang", "hi").split()[0]
        self.redis.kill()
        self.redis.wait()
        os.kill(pid, signal.SIGTERM)
        self.eventually(lambda: not pathlib.Path(f"/proc/{pid}").exists())
        # What it could not tell any more the next one tells.
        self.start_redis()
        self.assertIn("interrupted", self.reeve("run", "show", run))

    def test_lost_generations_are_told(self):
        self.make_redis_town()
        self.spawn("ada")
        self.reeve("reset", "--force")
        self.reeve("stop")
        self.ask("FLUSHALL")
        self.assertIn("docs/redis.md", self.run_reeve("status").stderr)
        self.assertEqual(self.ask("DBSIZE"), "0")

    # --- tinytown

    def leave_tinytown(self):
        """A town of tinytown's in the folder, with a log, on our Redis."""
        fixtures = pathlib.Path(__file__).parent.parent / "fixtures" / "tinytown"
        state = json.loads((fixtures / "12-send-urgent.redis.json").read_text())
        for key, one in state.items():
            value = one["value"]
            if one["type"] == "hash":
                self.ask("HSET", key, *[word for pair in value.items() for word in pair])
            elif one["type"] == "list":
                self.ask("RPUSH", key, *value)
        self.ask("XADD", "tt:gold:events", "*", "event_type", "agent_resumed", "data", json.dumps(
            {"event_type": "agent_resumed", "message": "went on", "timestamp": "2026-01-01T00:00:00Z"}))
        text = (fixtures / "tinytown.toml").read_text()
        (self.root / "tinytown.toml").write_text(re.sub(r"\[redis\]", f'[redis]\nurl = "{self.url}"', text, count=1))
        logs = self.root / ".tt" / "logs"
        logs.mkdir(parents=True)
        (logs / "alice.log").write_text("hello\n")
        script = self.root / "agent.sh"
        script.write_text("#!/bin/sh\ncat > /dev/null\necho done\n")
        script.chmod(0o755)
        return state

    def test_tinytown_is_taken_over_and_its_work_goes_on(self):
        self.leave_tinytown()
        before = self.ask("--scan")
        self.reeve("import", "tinytown", str(self.root), exit_code=3)  # there is no town here yet
        self.make_town()
        planned = self.json("import", "tinytown", str(self.root), "--dry-run")
        self.assertEqual(self.json("status")["agents"], [])
        report = self.json("import", "tinytown", str(self.root))
        for what in ("agents", "tasks", "messages", "events"):
            self.assertEqual(report[what], planned[what], what)
        self.assertEqual(report["agents"], 2)
        self.assertTrue((self.root / ".reeve" / "tinytown" / "logs" / "alice.log").exists())
        self.reeve("wait", "alice")
        tasks = self.json("task", "list", "--agent", "alice")["tasks"]
        self.assertEqual([one["task"]["state"] for one in tasks], ["completed"])
        self.assertIn("before the import: agent_resumed", self.reeve("history", "-n", "100"))
        again = self.json("import", "tinytown", str(self.root))
        self.assertEqual(again["agents"] + again["tasks"] + again["messages"] + again["events"], 0)
        self.assertEqual(sorted(self.ask("--scan").split()), sorted(before.split()))

    def test_tinytown_is_found_by_redis_url(self):
        self.leave_tinytown()
        self.make_town()
        self.env["REDIS_URL"] = "redis://127.0.0.1:1"
        told = self.reeve("import", "tinytown", str(self.root), exit_code=6)
        self.assertIn("redis://127.0.0.1:1", told)
        self.env["REDIS_URL"] = self.url
        self.assertEqual(self.json("import", "tinytown", str(self.root), "--cold")["agents"], 2)
        states = {one["agent"]["state"] for one in self.json("status")["agents"]}
        self.assertEqual(states, {"cold"})
        missing = self.reeve("import", "tinytown", str(self.base), exit_code=3)
        self.assertIn("tinytown.toml", missing)


if __name__ == "__main__":
    support.main()
