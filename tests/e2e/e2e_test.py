"""The real program from a user's side: commands, exit codes, the daemon's life.

    e2e_test.py PATH_TO_REEVE [TestName ...]
"""

import base64
import hmac
import http.server
import json
import os
import pathlib
import queue
import select
import shutil
import signal
import stat
import subprocess
import threading
import time

import support
from support import PATIENCE, Town


class Work(Town):
    def test_a_day_in_town(self):
        self.make_town()
        agent = self.spawn("ada", "--role", "painter")
        self.assertEqual(agent["state"], "idle")
        task = self.assign("ada", "paint the door")
        self.assertEqual(self.json("wait", "--task", task), {"state": "completed", "result": "done: ada\n"})
        self.assertEqual(self.json("wait", "ada")["state"], "idle")
        status = self.json("status")
        self.assertEqual(status["name"], "oak")
        self.assertEqual(status["tasks"]["completed"], 1)
        self.assertEqual(status["agents"][0]["agent"]["rounds_completed"], 1)
        self.assertEqual(self.json("list")[0]["agent"]["name"], "ada")
        shown = self.json("task", "show", task[:8])
        self.assertEqual((shown["agent"], shown["task"]["text"]), ("ada", "paint the door"))
        self.assertEqual(len(self.json("task", "list", "--state", "completed")["tasks"]), 1)
        kinds = self.kinds()
        for kind in ("TownCreated", "DaemonStarted", "AgentSpawned", "TaskAssigned", "RunStarted", "RunCompleted"):
            self.assertIn(kind, kinds)
        self.assertEqual([e["position"] for e in self.events()], list(range(1, len(kinds) + 1)))
        self.assertEqual(self.json("logs", "ada")["text"], "done: ada\n")
        self.assertEqual(self.json("kill", "ada"), {"agent": "ada", "state": "stopped"})
        self.assertEqual(self.json("stop"), {"stopped": True})
        self.assertEqual(self.json("stop"), {"stopped": False})
        # Everything is there again with the next command.
        self.assertEqual(self.json("list")[0]["agent"]["state"], "stopped")

    def test_what_a_person_sees(self):
        self.make_town()
        self.assertIn("spawned ada", self.reeve("spawn", "ada", "--cli", str(self.agent)))
        self.reeve("wait", "--task", self.assign("ada", "paint"))
        self.assertIn("ada", self.reeve("status"))
        self.assertIn("RunCompleted", self.reeve("events"))
        self.assertIn("done: ada", self.reeve("logs", "ada"))
        self.assertIn("completed", self.reeve("task", "list"))

    def test_an_agent_reports_from_inside_its_round(self):
        self.make_town()
        self.spawn("ada")
        task = self.assign("ada", "REPORT")
        self.assertEqual(self.json("wait", "--task", task)["result"], "reported from inside")
        completed = [e for e in self.events("--scope", f"task:{task}") if e["kind"] == "TaskCompleted"]
        self.assertEqual([e["origin"] for e in completed], ["agent:ada"])

    def test_messages_reach_the_supervisor_and_agents(self):
        self.make_town()
        self.spawn("ada")
        self.reeve("send", "ada", "--info", "lunch", "at", "noon")
        self.assertEqual([m["text"] for m in self.json("inbox", "ada")["messages"]], ["lunch at noon"])
        self.reeve("send", "supervisor", "hello")
        self.assertEqual(len(self.json("inbox")["messages"]), 1)

    def test_a_prompt_of_ten_megabytes(self):
        self.make_town()
        self.spawn("ada")
        text = "SIZE " + "a line of forty characters, more or less\n" * (10 * 1024 * 1024 // 41)
        done = self.run_reeve("--json", "assign", "ada", "-", stdin=text)
        self.assertEqual(done.returncode, 0, done.stderr[:500])
        reply = self.json("wait", "--task", json.loads(done.stdout)["id"])
        self.assertEqual(reply["state"], "completed")
        self.assertGreater(int(reply["result"]), 10_000_000)

    def test_a_text_over_the_limit_is_refused(self):
        self.make_town()
        self.spawn("ada")
        done = self.run_reeve("assign", "ada", "-", stdin="x" * (17 * 1024 * 1024))
        self.assertEqual(done.returncode, 2, done.stderr[:500])
        self.assertIn("limit" if "limit" in done.stderr else "longer", done.stderr)

    def test_a_command_that_only_a_shell_could_run_is_refused(self):
        self.make_town()
        for command in ("cat | wc -l", "a && b", "echo $HOME", "sort < x"):
            error = self.reeve("spawn", "ada", "--cli", command, exit_code=2)
            self.assertIn("shell", error)
        self.assertEqual(self.json("list"), [])

    def test_a_cli_that_is_not_installed_is_told(self):
        self.make_town()
        self.env["PATH"] = "/nonexistent"
        self.reeve("stop")
        self.reeve("spawn", "ada", "--cli", "codex", "--unchecked")
        self.assign("ada", "paint")
        failed = self.until(self.follow(), "RunFailed")
        self.assertEqual(failed["payload"]["code"], "spawn_failed")
        self.assertIn("codex", failed["payload"]["error"])
        self.assertEqual(self.json("list")[0]["agent"]["rounds_failed"], 1)

    def test_the_doctor_tells_what_root_is_refused(self):
        self.make_town()
        self.reeve("spawn", "ada", "--cli", "claude", "--permissions", "bypass", "--unchecked")
        self.reeve("spawn", "bob", "--cli", "claude", "--permissions", "bypass", "--env", "IS_SANDBOX=1", "--unchecked")
        self.reeve("spawn", "cyd", "--cli", "claude", "--unchecked")
        findings = json.loads(self.run_reeve("--json", "doctor").stdout)
        told = {f["subject"]: f for f in findings if "IS_SANDBOX" in f["text"]}
        self.assertEqual(list(told), ["ada"] if os.getuid() == 0 else [])
        for finding in told.values():
            self.assertEqual(finding["verdict"], "bad")

    def test_a_failure_is_tried_again_later(self):
        self.make_town()
        self.spawn("ada")
        task = self.assign("ada", "FAIL")
        failed = self.until(self.follow(), "RunFailed")
        self.assertEqual((failed["payload"]["code"], failed["payload"]["exit_status"]), ("exit_status", 3))
        self.assertIn("no such luck", failed["payload"]["error"])
        self.assertEqual(self.json("task", "show", task)["task"]["state"], "assigned")


class ExitCodes(Town):
    def test_each_says_what_happened(self):
        self.reeve("status", exit_code=3)  # no town
        self.make_town()
        for words, code in (((), 2), (("nonsense",), 2), (("assign",), 2), (("assign", "ada"), 2),
                            (("spawn", "a b"), 2), (("events", "--after", "nonsense"), 2),
                            (("task", "list", "--state", "nonsense"), 2),
                            (("assign", "nobody", "x"), 3), (("task", "show", "ffff"), 3),
                            (("init",), 4)):
            self.reeve(*words, exit_code=code)
        self.spawn("ada")
        self.reeve("spawn", "ADA", exit_code=4)
        self.assertIn("there is an agent", self.reeve("spawn", "ada", exit_code=4))
        error = json.loads(self.reeve("--json", "kill", "nobody", exit_code=3))
        self.assertEqual(error["code"], "not_found")

    def test_a_wait_that_is_too_short_is_5(self):
        self.make_town()
        task = self.at_the_gate()
        self.reeve("wait", "--task", task, "--timeout", "0.05", exit_code=5)
        self.reeve("wait", "ada", "--timeout", "0.05", exit_code=5)
        self.open_gate()
        self.assertEqual(self.json("wait", "--task", task)["state"], "completed")

    def test_no_daemon_where_none_may_be_started_is_6(self):
        self.make_town()
        self.env["REEVE_NO_START"] = "1"
        self.reeve("list", exit_code=6)

    def test_settings_that_are_none_are_told(self):
        self.make_town()
        (self.root / ".reeve" / "town.toml").write_text('name = "oak"\ndurability = 7\n')
        self.assertIn("durability", self.reeve("status", exit_code=2))
        (self.root / ".reeve" / "town.toml").write_text('name = "oak"\ndurability = "steel"\n')
        self.assertIn("durability", self.reeve("status", exit_code=2))


class Folders(Town):
    def test_a_deep_folder(self):
        deep = self.base
        while len(str(deep)) < 240:
            deep = deep / "a_rather_long_name_of_a_folder"
        deep.mkdir(parents=True)
        self.make_town(deep)
        self.spawn("ada")
        self.assertEqual(self.json("wait", "--task", self.assign("ada", "REPORT"))["result"], "reported from inside")

    def test_a_folder_that_cannot_be_written(self):
        if os.getuid() != 0:
            self.root.chmod(0o555)
            self.reeve("init", exit_code=7)
            return
        # Root may write everywhere: be somebody else.
        self.base.chmod(0o755)
        program = self.base / "reeve"
        shutil.copy(support.REEVE, program)
        done = subprocess.run([program, "--town", str(self.root), "init"], user=65534, group=65534, extra_groups=[],
                              env=self.env, capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertIn(str(self.root), done.stderr)
        self.make_town()
        self.reeve("stop")
        os.chmod(self.root / ".reeve", 0o555)  # it is root's
        done = subprocess.run([program, "--town", str(self.root), "status"], user=65534, group=65534, extra_groups=[],
                              env=self.env, capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertIn(done.returncode, (6, 7), done.stderr)
        self.assertTrue(done.stderr.startswith("reeve: "), done.stderr)

    def test_commands_find_the_town_above_them(self):
        self.make_town()
        below = self.root / "src" / "deep"
        below.mkdir(parents=True)
        done = subprocess.run([support.REEVE, "--json", "status"], cwd=below, env=self.env, capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        self.assertEqual(json.loads(done.stdout)["root"], str(self.root))

    def test_only_its_owner_reads_a_town(self):
        self.make_town()
        self.reeve("status")
        self.assertEqual(stat.S_IMODE((self.root / ".reeve").stat().st_mode), 0o700)
        self.assertEqual(stat.S_IMODE((self.root / ".reeve" / "daemon.sock").stat().st_mode), 0o600)


class Daemon(Town):
    def pid(self):
        return self.json("status")["pid"]

    def test_two_starters_at_once(self):
        self.make_town()
        starters = [subprocess.Popen([support.REEVE, "--town", str(self.root), "--json", "status"], env=self.env,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(6)]
        said = [(*process.communicate(timeout=PATIENCE), process.returncode) for process in starters]
        self.assertEqual([code for _, _, code in said], [0] * 6, said)
        self.assertEqual(len({json.loads(out)["pid"] for out, _, _ in said}), 1)
        self.assertEqual(self.kinds().count("DaemonStarted"), 1)

    def test_it_stops_and_starts_as_often_as_one_likes(self):
        self.make_town()
        pids = set()
        for _ in range(5):
            pids.add(self.pid())
            self.reeve("stop")
        self.assertEqual(len(pids), 5)

    def test_a_stop_ends_rounds_and_gives_their_messages_back(self):
        self.make_town()
        task = self.at_the_gate()
        self.reeve("stop")
        self.opened.close()  # before there is another round, which would take this for its gate
        kinds = self.kinds()
        self.assertIn("RunCancelled", kinds[:kinds.index("DaemonStopped")])
        # The next daemon begins the task again.
        self.opened = open(self.gate, "w", encoding="utf-8")
        self.open_gate()
        self.assertEqual(self.json("wait", "--task", task)["state"], "completed")

    def test_a_drain_lets_rounds_finish(self):
        self.make_town()
        task = self.at_the_gate()
        stopping = subprocess.Popen([support.REEVE, "--town", str(self.root), "stop", "--drain"], env=self.env,
                                    stdout=subprocess.PIPE, text=True)
        self.addCleanup(stopping.stdout.close)
        self.open_gate()
        self.assertEqual(stopping.wait(PATIENCE), 0)
        kinds = self.kinds()
        self.assertLess(kinds.index("RunCompleted"), kinds.index("DaemonStopped"))
        self.assertEqual(self.json("task", "show", task)["task"]["state"], "completed")

    def drain(self):
        """Asks the daemon to stop when its rounds have finished; answers a descriptor that is readable when it has."""
        ended = os.pidfd_open(self.pid())
        self.addCleanup(os.close, ended)
        self.assertEqual(self.door().ask("POST", "/v1/daemon/stop", {"mode": "drain"})[0], 202)
        return ended

    def assert_cut_short(self, ended):
        self.assertTrue(select.select([ended], [], [], PATIENCE)[0])
        self.opened.close()
        kinds = self.kinds()
        self.assertLess(kinds.index("RunCancelled"), kinds.index("DaemonStopped"))
        self.assertNotIn("RunCompleted", kinds[:kinds.index("DaemonStopped")])

    def test_a_drain_is_cut_short_by_a_stop(self):
        self.make_town()
        self.at_the_gate()
        ended = self.drain()
        self.reeve("stop")
        self.assert_cut_short(ended)

    def test_a_drain_is_cut_short_by_a_signal_and_more_of_them_are_harmless(self):
        self.make_town()
        self.at_the_gate()
        pid = self.pid()
        ended = self.drain()
        for _ in range(3):
            os.kill(pid, signal.SIGTERM)
        self.assert_cut_short(ended)

    def test_a_drain_can_leave_rounds_to_the_next_daemon(self):
        self.make_town()
        task = self.at_the_gate()
        self.drain()
        self.reeve("stop", "--daemon")
        self.open_gate()
        self.assertEqual(self.json("wait", "--task", task)["state"], "completed")
        self.assertEqual(self.kinds().count("RunStarted"), 1)

    def test_a_stop_answers_whoever_waits_and_is_not_held_up(self):
        self.make_town()
        task = self.at_the_gate()
        waiting, following = self.door(), self.door()
        self.assertEqual(waiting.ask("GET", "/v1/version")[0], 200)
        waiting.request("GET", f"/v1/tasks/{task}/wait")
        following.request("GET", "/v1/events?from=now", headers={"Accept": "text/event-stream"})
        stream = following.getresponse()
        self.assertTrue(stream.readline())
        # What came after it is answered, so it is being answered too.
        for _ in range(2):
            self.assertEqual(self.door().ask("GET", "/v1/version")[0], 200)
        self.reeve("stop", "--daemon")
        # None of them, nor the one that asks nothing any more, had to be ended by force.
        self.assertNotIn("cut off", (self.root / ".reeve" / "daemon.log").read_text())
        answer = waiting.getresponse()
        problem = json.loads(answer.read())
        self.assertEqual((answer.status, problem["code"], problem["detail"]),
                         (503, "unavailable", "the daemon is stopping"))
        self.assertIn(b'"the daemon is stopping"', stream.read())
        self.open_gate()

    def test_rounds_go_on_without_the_daemon(self):
        self.make_town()
        task = self.at_the_gate()
        self.reeve("stop", "--daemon")
        self.open_gate()
        self.assertEqual(self.json("wait", "--task", task), {"state": "completed", "result": "begun\nthrough the gate\n"})
        kinds = self.kinds()
        self.assertLess(kinds.index("DaemonStopped"), kinds.index("RunCompleted"))
        self.assertEqual(kinds.count("RunStarted"), 1)

    def test_a_killed_daemon_comes_back_and_loses_nothing(self):
        self.make_town()
        task = self.at_the_gate()
        first = self.pid()
        os.kill(first, signal.SIGKILL)
        self.open_gate()
        self.assertEqual(self.json("wait", "--task", task)["state"], "completed")
        self.assertNotEqual(self.pid(), first)
        self.assertEqual(self.kinds().count("RunStarted"), 1)
        self.assertEqual(self.kinds().count("RunCompleted"), 1)

    def test_following_goes_on_across_a_restart(self):
        self.make_town(durability="disk")  # with less, a log that was not closed gets another id
        self.spawn("ada")
        lines = self.follow()
        self.until(lines, "AgentSpawned")
        os.kill(self.pid(), signal.SIGKILL)
        self.spawn("bob")
        seen = []
        for line in lines:
            event = json.loads(line)
            seen.append(event["position"])
            if event["kind"] == "AgentSpawned":
                break
        self.assertEqual(seen, list(range(seen[0], seen[0] + len(seen))))

    @staticmethod
    def waits_for_an_answer(pid):
        """It has a connection, and sleeps."""
        try:
            links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
            state = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:  # a descriptor that was closed just now
            return False
        return state == "S" and any(link.startswith("socket:") for link in links)

    def test_whoever_waits_or_follows_ends_with_the_town_and_starts_it_not_again(self):
        self.make_town()
        task = self.at_the_gate()
        following = self.begin("events", "--all", "--follow")
        waiting = [self.begin("wait", "ada"), self.begin("wait", "--task", task)]
        self.until(following.stdout, "RunStarted")
        for process in waiting:
            self.eventually(lambda pid=process.pid: self.waits_for_an_answer(pid))
        self.reeve("stop", "--daemon")
        for process in (following, *waiting):
            _, said = process.communicate(timeout=PATIENCE)
            self.assertEqual(process.returncode, 6, said)
            self.assertRegex(json.loads(said)["detail"], "was stopped|is stopping")
        self.assertEqual(self.json("stop"), {"stopped": False})
        self.open_gate()

    def test_it_keeps_nothing_of_its_starter_open(self):
        self.make_town()
        read, write = os.pipe()
        self.run_reeve("status", pass_fds=(write,))
        os.close(write)
        os.set_blocking(read, False)
        self.assertEqual(os.read(read, 1), b"")  # the daemon would keep it from ending
        os.close(read)

    def test_a_kill_ends_the_round(self):
        self.make_town()
        self.at_the_gate()
        self.assertEqual(self.json("kill", "ada", "--reason", "enough")["state"], "stopped")
        self.assertIn("RunCancelled", self.kinds())


class FullDisk(Town):
    """A daemon for which the disk is full while a file is there (full_disk.cc)."""

    def setUp(self):
        super().setUp()
        library = pathlib.Path(support.REEVE).parent / "libreeve_full_disk.so"
        self.assertTrue(library.exists(), f"build it: {library}")
        self.full = self.base / "full"
        self.make_town(durability="disk")
        self.env.update(LD_PRELOAD=str(library), REEVE_FULL_DISK=str(self.root / ".reeve"),
                        REEVE_FULL_DISK_WHILE=str(self.full))
        self.addCleanup(self.full.unlink, missing_ok=True)

    def test_a_command_is_told_and_nothing_is_half_done(self):
        self.spawn("ada")
        pid, before = self.json("status")["pid"], self.events()
        self.full.touch()
        for words in (("assign", "ada", "paint"), ("send", "ada", "hello"), ("spawn", "bob", "--cli", "cat"),
                      ("kill", "ada")):
            error = json.loads(self.reeve("--json", *words, exit_code=1))
            self.assertEqual(error["code"], "storage_full", words)
            self.assertIn("full", error["detail"])
        # What was there can be read, and is all that there is.
        self.assertEqual(self.events(), before)
        self.assertEqual(self.json("task", "list")["tasks"], [])
        self.assertEqual(self.json("inbox", "ada")["messages"], [])
        self.assertEqual([view["agent"]["state"] for view in self.json("list")], ["idle"])
        self.full.unlink()
        self.reeve("spawn", "bob", "--cli", str(self.agent))  # its name was not taken
        self.assertEqual(self.json("wait", "--task", self.assign("ada", "paint"))["state"], "completed")
        events = self.events()
        self.assertEqual([event["position"] for event in events], list(range(1, len(events) + 1)))
        self.assertEqual(events[:len(before)], before)
        self.assertEqual(self.json("status")["pid"], pid, "the daemon has died of it")

    def test_a_round_that_ends_meanwhile_loses_nothing(self):
        task = self.at_the_gate()
        pid = self.json("status")["pid"]
        self.full.touch()
        self.open_gate()
        run = self.events("--kind", "RunStarted")[0]["payload"]["run"]["id"]
        self.eventually((self.root / ".reeve" / "rounds" / run / "exit.json").exists)
        self.assertNotIn("RunCompleted", self.kinds())
        self.assertEqual(self.json("task", "show", task)["task"]["state"], "running")
        self.full.unlink()
        self.assertEqual(self.json("wait", "--task", task), {"state": "completed", "result": "begun\nthrough the gate\n"})
        self.assertEqual([self.kinds().count(kind) for kind in ("RunStarted", "RunCompleted")], [1, 1])
        self.assertEqual(self.json("status")["pid"], pid, "the daemon has died of it")

    def test_a_daemon_that_starts_on_it_says_why_it_cannot(self):
        self.spawn("ada")
        self.reeve("stop")
        self.full.touch()
        done = self.run_reeve("--json", "list")
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(json.loads(done.stderr)["code"], "storage_full")
        self.full.unlink()
        self.assertEqual([view["agent"]["name"] for view in self.json("list")], ["ada"])


class Receiver(http.server.ThreadingHTTPServer):
    """Somebody outside who is told of events: each delivery is (headers, body)."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Receiver.Handler)
        self.deliveries = queue.Queue()
        self.answers = queue.Queue()  # statuses of the next ones; then 204. None: no answer at all
        self.url = f"http://127.0.0.1:{self.server_port}/hook"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def next(self):
        return self.deliveries.get(timeout=PATIENCE)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                status = self.server.answers.get_nowait()
            except queue.Empty:
                status = 204
            self.server.deliveries.put((dict(self.headers), body))
            if status is None:
                self.rfile.read(1)  # until the daemon has gone
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass


class Webhooks(Town):
    def setUp(self):
        super().setUp()
        self.make_town(durability="disk")
        self.receiver = Receiver()
        self.addCleanup(self.receiver.server_close)
        self.addCleanup(self.receiver.shutdown)

    def add(self, *more):
        made = self.json("webhook", "add", self.receiver.url, *more)
        self.id, self.secret = made["webhook"]["id"], made["secret"]

    def told(self):
        """The next delivery's event; its signature is good."""
        headers, body = self.receiver.next()
        signed = f'{headers["webhook-id"]}.{headers["webhook-timestamp"]}.'.encode() + body
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        expected = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        self.assertEqual(headers["webhook-signature"], expected)
        self.assertEqual(headers["Reeve-Town"], "oak")
        event = json.loads(body)
        self.assertEqual(event["id"], headers["webhook-id"])
        return event

    def standing(self):
        (view,) = self.json("webhook", "list")
        return view

    def until_standing(self, **wanted):
        deadline = time.monotonic() + PATIENCE
        while any(self.standing()[name] != value for name, value in wanted.items()):
            self.assertLess(time.monotonic(), deadline, self.standing())
            time.sleep(0.02)

    def test_each_event_that_is_wanted_is_told(self):
        self.add("--kind", "TaskCompleted")
        self.spawn("ada")
        task = self.assign("ada", "anything")
        event = self.told()
        self.assertEqual((event["kind"], event["payload"]["task"]), ("TaskCompleted", task))
        self.assertEqual([event], self.events("--kind", "TaskCompleted"))
        self.until_standing(delivered=1, waiting=0, dead=0)
        self.assertEqual(json.loads(self.reeve("--json", "webhook", "test", self.id))["status"], 204)
        self.assertEqual(self.told()["kind"], "WebhookTest")
        self.assertEqual(self.json("webhook", "remove", self.id)["state"], "removed")
        self.assertEqual(self.json("webhook", "list"), [])

    def test_a_daemon_that_is_killed_before_the_answer_tells_again_by_the_same_id(self):
        self.add("--kind", "AgentSpawned")
        self.receiver.answers.put(None)
        self.spawn("ada")
        first = self.told()
        os.kill(self.json("status")["pid"], signal.SIGKILL)
        self.assertEqual(self.told(), first)  # by the next daemon, which the keeper starts
        self.spawn("bob")
        self.assertEqual(self.told()["payload"]["agent"]["name"], "bob")
        self.until_standing(delivered=2, waiting=0)
        self.assertTrue(self.receiver.deliveries.empty())

    def test_what_happens_while_the_receiver_is_away_is_told_later(self):
        self.add("--kind", "AgentSpawned")
        for status in (500, 503):
            self.receiver.answers.put(status)
        self.spawn("ada")
        self.assertEqual([self.told() for _ in range(3)], self.events("--kind", "AgentSpawned") * 3)
        self.until_standing(delivered=1)

    def test_a_receiver_that_is_gone_is_told_nothing_more(self):
        self.add("--kind", "AgentSpawned")
        self.receiver.answers.put(410)
        self.spawn("ada")
        self.told()
        self.until(self.follow(), "WebhookDisabled")
        self.assertEqual(self.standing()["webhook"]["state"], "disabled")
        self.spawn("bob")
        self.assertEqual(len(self.reeve("webhook", "dead", self.id).splitlines()), 1)
        self.reeve("webhook", "enable", self.id)
        self.assertEqual(self.told()["payload"]["agent"]["name"], "bob")
        self.assertEqual(self.json("webhook", "dead", self.id, "--retry"), {"number": 1})
        self.assertEqual(self.told()["payload"]["agent"]["name"], "ada")

    def test_its_secret_is_nowhere_to_be_read(self):
        secret = "whsec_" + base64.b64encode(b"s" * 32).decode()
        file = self.base / "secret"
        file.write_text(secret + "\n")
        file.chmod(0o644)
        url = self.receiver.url + "?token=sesame"
        self.reeve("webhook", "add", url, "--secret-file", str(file), exit_code=7)
        file.chmod(0o600)
        shown = self.reeve("webhook", "add", url, "--secret-file", str(file))
        self.secret = secret
        self.spawn("ada")
        self.assertEqual(self.told()["kind"], "WebhookAdded")
        said = [shown, self.reeve("--json", "events", "--all"), self.reeve("--json", "webhook", "list"),
                (self.root / ".reeve" / "daemon.log").read_text()]
        for text in said:
            self.assertNotIn(secret[6:], text)
        self.assertNotIn("sesame", said[0] + said[1] + said[3])

    def test_an_agent_cannot_manage_them(self):
        self.agent.write_text("#!/bin/sh\nreeve webhook add https://example.org/ 2>&1; echo $?\n")
        self.spawn("ada")
        task = self.assign("ada", "try")
        result = self.json("wait", "--task", task)["result"]
        self.assertIn("outside of a round", result)
        self.assertTrue(result.rstrip().endswith("7"), result)


class Model(http.server.ThreadingHTTPServer):
    """A server of OpenAI's kind that says "Rivers run.", word by word."""

    def __init__(self):
        self.asked = []

        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.server.asked.append(body)
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                for word in ("Rivers", " run", "."):
                    self.say({"choices": [{"index": 0, "delta": {"content": word}}]})
                self.say({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
                self.say({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}})
                self.wfile.write(b"data: [DONE]\n\n")

            def say(self, chunk):
                self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
                self.wfile.flush()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Emit(Town):
    def setUp(self):
        super().setUp()
        self.make_town()
        self.settings('[providers.hello]', 'kind = "scripted"', 'turns = [[{ text = "hello there", pieces = 2 }]]',
                      '[providers.hang]', 'kind = "scripted"', 'turns = [[{ text = "I begin" }, { hang = true }]]')

    def settings(self, *lines):
        with open(self.root / ".reeve" / "town.toml", "a", encoding="utf-8") as file:
            file.write("\n" + "\n".join(lines) + "\n")

    def test_a_model_answers_and_its_conversation_goes_on(self):
        self.assertEqual(self.reeve("emit", "hello", "how do you do"), "hello there\n")
        first = self.json("emit", "hello", "how do you do")
        self.assertEqual((first["state"], first["text"], first["steps"]), ("completed", "hello there", 1))
        again = self.json("emit", "hello", "--session", first["session"], "and now?")
        self.assertEqual(again["session"], first["session"])
        self.assertEqual([m["role"] for m in again["messages"]], ["user", "assistant"])
        shown = self.reeve("run", "show", first["run"])
        self.assertIn("completed", shown)
        self.assertIn("hello there", shown)
        self.assertEqual(self.reeve("emit", "hello", "-", stdin="from a pipe"), "hello there\n")

    def test_a_server_of_openais_kind_is_asked_by_the_daemon(self):
        model = Model()
        self.addCleanup(model.server_close)
        self.addCleanup(model.shutdown)
        self.settings('[providers.gpt]', 'kind = "openai"', f'base_url = "http://127.0.0.1:{model.server_port}/v1"',
                      'model = "m-1"')
        done = self.json("emit", "gpt", "--system", "Be brief.", "rivers?")
        self.assertEqual(done["text"], "Rivers run.")
        self.assertEqual(done["usage"]["input_tokens"], 7)
        self.assertEqual([m["role"] for m in model.asked[0]["messages"]], ["system", "user"])
        self.assertEqual(model.asked[0]["model"], "m-1")
        events = [json.loads(line) for line in self.reeve("--json", "emit", "--events", "gpt", "again").splitlines()]
        self.assertEqual("".join(e["payload"]["delta"] for e in events if e["kind"] == "TextDelta"), "Rivers run.")
        self.assertEqual(events[-1]["kind"], "RunCompleted")

    def test_an_agent_answers_from_its_inbox(self):
        self.spawn("ada")
        done = self.json("emit", "ada", "who are you?")
        self.assertEqual(done["state"], "completed")
        self.assertIn("done: ada", done["text"])
        self.assertEqual(self.kinds("--kind", "MessageSent"), ["MessageSent"])

    def test_the_same_request_has_no_second_effect(self):
        first = self.json("emit", "hello", "--id", "r-1", "hi")
        self.assertEqual(self.json("emit", "hello", "--id", "r-1", "hi")["run"], first["run"])
        self.assertIn("another request", self.reeve("emit", "hello", "--id", "r-1", "other", exit_code=4))

    def test_a_run_is_ended_by_a_timeout_or_a_cancel(self):
        self.assertIn("not done within", self.reeve("emit", "hang", "--timeout", "0.2", "hi", exit_code=5))
        run = self.reeve("emit", "hang", "--no-wait", "hi").strip()
        self.assertEqual(self.json("run", "show", run)["finished"], False)
        self.reeve("run", "cancel", run, "--reason", "enough")
        self.assertIn("enough", self.reeve("run", "wait", run, exit_code=1))
        self.assertIn("neither a provider nor an agent", self.reeve("emit", "nobody", "hi", exit_code=3))

    def test_a_timeout_ends_what_an_agent_was_asked_too(self):
        self.spawn("ada")
        self.assertIn("not done within", self.reeve("emit", "ada", "--timeout", "0.2", "GATE", exit_code=5))
        self.reeve("wait", "ada")
        self.assertEqual(self.kinds().count("RunCancelled"), 1)

    def test_what_an_agent_was_asked_is_shown_with_its_run_also_later(self):
        self.spawn("ada")
        message = self.reeve("emit", "ada", "--no-wait", "who are you?").strip()
        self.reeve("run", "wait", message)
        self.reeve("stop")
        shown = self.json("run", "show", message)  # of a daemon that knows nothing of it
        self.assertEqual(shown["document"]["state"], "completed")
        self.assertIn("done: ada", self.reeve("run", "show", message))

    def test_a_killed_daemon_ends_runs_of_models_as_interrupted(self):
        run = self.reeve("emit", "hang", "--no-wait", "hi").strip()
        os.kill(self.json("status")["pid"], signal.SIGKILL)
        ended = json.loads(self.run_reeve("--json", "run", "wait", run).stdout)
        self.assertEqual((ended["state"], ended["reason"]), ("failed", "interrupted"))
        self.assertEqual(self.kinds("--scope", "run:" + run).count("RunFailed"), 1)

    def test_a_wrong_provider_is_told_before_anything_runs(self):
        self.settings('[providers.bad]', 'kind = "magic"')
        said = self.reeve("emit", "hello", "hi", exit_code=2)
        self.assertIn("providers.bad", said)


class Retention(Town):
    """What goes of the log, what stays, and the town as it was."""

    def make_town_that_keeps(self, *lines):
        self.make_town(durability="disk")
        with open(self.root / ".reeve" / "town.toml", "a", encoding="utf-8") as settings:
            settings.write("\n[retention]\n" + "\n".join(lines) + "\n")

    def day(self):
        """Some work, and the status at each stop of it."""
        seen = [self.json("status")]
        self.spawn("ada")
        seen.append(self.json("status"))
        task = self.at_the_gate("bob")
        self.reeve("send", "ada", "--info", "lunch at noon")
        self.reeve("send", "supervisor", "--query", "who are you?")
        seen.append(self.json("status"))
        self.open_gate()
        self.reeve("wait", "--task", task)
        self.reeve("wait", "--task", self.assign("ada", "REPORT"))
        self.reeve("wait", "ada")
        seen.append(self.json("status"))
        self.reeve("send", "bob", "--info", "good night")
        seen.append(self.json("status"))
        return seen

    def replay(self, *words):
        return json.loads(self.reeve("--json", "replay", *words).splitlines()[-1])

    def assert_same(self, town, status):
        """A replay says what `status` said."""
        agents = [dict(view) for view in status["agents"]]
        for view in agents:
            view.pop("permissions_note", None)  # it is of the present
        by_id = lambda view: view["agent"]["id"]  # the status shows whom one should look at first
        self.assertEqual(sorted(town["agents"], key=by_id), sorted(agents, key=by_id))
        for member in ("name", "tasks", "supervisor_inbox", "cursor"):
            self.assertEqual(town[member], status[member], member)
        self.assertEqual(town["position"], status["events"])
        documents = {doc["id"]: doc["body"] for doc in town["documents"] if doc["kind"] == "agent"}
        self.assertEqual(documents, {view["agent"]["id"]: view["agent"] for view in agents})

    def test_g11_a_sweep_leaves_a_mark_and_a_snapshot_and_old_cursors_are_told(self):
        self.make_town_that_keeps("max_events = 5", "keep_events = 5")
        seen = self.day()
        early, before = seen[1]["cursor"], self.events()
        view = self.json("retention")
        self.assertEqual((view["oldest"], view["events"]), (1, len(before)))
        self.assertEqual((view["next"]["events"], view["next"]["reason"]), (len(before) - 5, "max_events"))
        self.assertIn("reeve retention sweep", self.reeve("retention"))
        report = self.json("retention", "sweep")
        self.assertEqual((report["events"], report["oldest"]), (len(before) - 5, len(before) - 4))
        # What is left is the end of what was, and an event that tells of it.
        after = self.events()
        self.assertEqual(after[:5], before[-5:])
        self.assertEqual([event["kind"] for event in after[5:]], ["LogTruncated"])
        oldest = self.json("retention")["cursor"]
        for words in (("events", "--after"), ("events", "--follow", "--after"), ("replay", "--until")):
            error = json.loads(self.reeve("--json", *words, early, exit_code=1))
            self.assertEqual(error["code"], "cursor_expired", words)
            self.assertIn(oldest, error["detail"])
        lines = self.reeve("--json", "events", "--after", oldest).splitlines()
        self.assertEqual([json.loads(line) for line in lines], after)
        # The state is what it was.
        status = self.json("status")
        self.assertEqual((status["agents"], status["tasks"]), (seen[-1]["agents"], seen[-1]["tasks"]))
        self.assertEqual(status["oldest"], report["oldest"])
        names, page = set(), {"next": 0}
        while "next" in page:
            page = self.door().ask("GET", f'/v1/snapshot?limit=3&after={page["next"]}')[1]
            self.assertEqual(page["cursor"], oldest)
            names |= {doc["body"]["name"] for doc in page["documents"] if doc["kind"] == "agent"}
        self.assertEqual(names, {"ada", "bob"})
        self.assertIn("removed 1 event (", self.reeve("retention", "sweep"))  # for the one that told of it

    def test_g11_a_replay_is_the_status_of_that_moment_and_a_sweep_changes_nothing(self):
        self.make_town_that_keeps("max_events = 6", "keep_events = 6")
        seen = self.day()
        for status in seen:
            self.assert_same(self.replay("--until", status["cursor"]), status)
            self.assert_same(self.replay("--until", str(status["events"])), status)
        self.assert_same(self.replay(), seen[-1])
        mark = self.json("retention", "sweep")["oldest"] - 1
        left = [status for status in seen if status["events"] >= mark]
        self.assertTrue(0 < len(left) < len(seen), mark)
        for status in seen:
            if status in left:
                self.assert_same(self.replay("--until", status["cursor"]), status)
            else:
                error = json.loads(self.reeve("--json", "replay", "--until", status["cursor"], exit_code=1))
                self.assertEqual(error["code"], "cursor_expired")
        # ... nor does the end of the daemon.
        self.reeve("stop")
        self.assert_same(self.replay("--until", left[0]["cursor"]), left[0])
        self.assert_same(self.replay(), self.json("status"))

    def test_g11_a_daemon_that_is_killed_in_a_sweep_has_done_a_part_of_it_whole(self):
        self.make_town_that_keeps("max_events = 100", "keep_events = 0")
        names = [f"ada{number}" for number in range(8)]
        for name in names:
            self.spawn(name)

        def write_letters(name):
            door = self.door()
            for number in range(500):
                door.ask("POST", "/v1/messages", {"to": name, "text": f"letter {number}", "type": "informational"})

        writers = [threading.Thread(target=write_letters, args=(name,)) for name in names]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        before = self.json("status")
        self.assertEqual(before["events"], 4010)
        sweep = self.begin("retention", "sweep")
        door = self.door()
        self.eventually(lambda: door.ask("GET", "/v1/town")[1]["oldest"] > 1)
        os.kill(before["pid"], signal.SIGKILL)
        town, status = self.replay("--until", str(before["events"])), self.json("status")
        self.assert_same(town, before)
        self.assertEqual(len([doc for doc in town["documents"] if doc["kind"] == "message"]), 4000)
        # The keeper brought a daemon back, and the command went on with it.
        said, complaint = sweep.communicate(timeout=PATIENCE)
        self.assertEqual(sweep.returncode, 0, complaint)
        self.assertGreaterEqual(json.loads(said)["oldest"], status["oldest"])
        self.reeve("retention", "sweep")  # it may have waited for the replay
        positions = [event["position"] for event in self.events()]
        self.assertEqual(positions, list(range(positions[0], positions[-1] + 1)))
        self.assertLess(len(positions), 110)
        town = self.replay()
        self.assertEqual([view["inbox"] for view in town["agents"]], [500] * 8)

    def test_a_replay_by_the_clock_of_a_part_and_as_people_read_it(self):
        self.make_town()
        seen = self.day()
        at_the_gate = self.events()[seen[2]["events"] - 1]["time"]
        town = self.replay("--until", at_the_gate)
        self.assertEqual(town["time"], at_the_gate)
        self.assertEqual(town["tasks"]["running"], 1)
        ada = self.replay("--scope", "agent:ada")
        self.assertEqual([view["agent"]["name"] for view in ada["agents"]], ["ada"])
        self.assertEqual({doc["body"]["state"] for doc in ada["documents"] if doc["kind"] == "task"}, {"completed"})
        text = self.reeve("replay", "--until", seen[2]["cursor"])
        for words in ("oak  as it was behind event", "tasks: 1 running", "messages to ada", "lunch at noon", "GATE"):
            self.assertIn(words, text)
        for words, code in (("nonsense", 2), ("999999", 2), ("2199-01-01T00:00:00Z", 2),
                            ("c1.00000000-0000-4000-8000-000000000000.1", 1)):
            self.reeve("replay", "--until", words, exit_code=code)
        self.reeve("replay", "--scope", "agent:nobody", exit_code=3)
        self.reeve("replay", "--speed", "quick", exit_code=2)

    def test_a_replay_plays_the_events(self):
        self.make_town()
        seen = self.day()
        played = [json.loads(line) for line in self.reeve("--json", "replay", "--speed", "max").splitlines()]
        self.assertEqual(played[:-1], self.events())
        self.assert_same(played[-1], seen[-1])
        lines = self.reeve("events", "--all").splitlines()
        text = self.reeve("replay", "--speed", "1000000").splitlines()
        self.assertEqual(text[:len(lines)], lines)
        self.assertIn("as it was", text[len(lines) + 1])
        of_bob = [json.loads(line) for line in
                  self.reeve("--json", "replay", "--speed", "0", "--scope", "agent:bob").splitlines()]
        self.assertEqual(of_bob[:-1], self.events("--scope", "agent:bob"))

    def test_payloads_go_by_kind_and_scope(self):
        self.make_town_that_keeps("[[retention.prune]]", 'kinds = ["Notice"]', 'scopes = ["agent:ada"]', 'after = "0s"')
        for name in ("ada", "bob"):
            self.spawn(name)
            self.assign(name, "FAIL")  # it complains on standard error
            self.until(self.follow("--scope", f"agent:{name}"), "RunFailed")
            self.reeve("kill", name)
        said = {name: self.events("--scope", f"agent:{name}", "--kind", "Notice") for name in ("ada", "bob")}
        self.assertTrue(said["ada"] and said["bob"])
        report = self.json("retention", "sweep")
        self.assertEqual((report["events"], report["pruned_events"]), (0, len(said["ada"])))
        for event in said["ada"]:
            event["payload"] = {"pruned": True}
        for name, events in said.items():
            self.assertEqual(self.events("--scope", f"agent:{name}", "--kind", "Notice"), events)
        gone = "(its payload was removed by retention)"
        for words in (("events", "--all"), ("replay", "--speed", "max")):
            self.assertEqual(self.reeve(*words).count(gone), len(said["ada"]), words)
        self.assertEqual(self.kinds()[-1], "PayloadsPruned")

    def test_an_agent_cannot_sweep(self):
        self.make_town_that_keeps("max_events = 1")
        self.agent.write_text("#!/bin/sh\nreeve retention sweep 2>&1; echo $?\n")
        self.spawn("ada")
        result = self.json("wait", "--task", self.assign("ada", "try"))["result"]
        self.assertIn("outside of a round", result)
        self.assertTrue(result.rstrip().endswith("7"), result)


if __name__ == "__main__":
    support.main()
