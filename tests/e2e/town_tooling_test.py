"""The verbs around a town: init, towns, config, doctor, history, completions, the manual page.

    town_tooling_test.py PATH_TO_REEVE [TestName ...]
"""

import json
import os
import select
import shutil
import stat
import subprocess
import threading

import support
from support import PATIENCE, Town


class TownTooling(Town):
    def setUp(self):
        super().setUp()
        self.env.pop("XDG_STATE_HOME", None)

    def settings(self):
        return self.root / ".reeve" / "town.toml"

    def findings(self, exit_code=0):
        done = self.run_reeve("--json", "doctor")
        self.assertEqual(done.returncode, exit_code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def program(self, name, script):
        folder = self.base / "bin"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text("#!/bin/sh\n" + script)
        (folder / name).chmod(0o755)
        self.env["PATH"] = str(folder) + ":/usr/bin:/bin"

    def kept(self):
        return (self.root / ".reeve" / "keeper.lock").exists()

    # Making a town

    def test_initialization_and_init_structure(self):
        made = json.loads(self.reeve("--json", "init", "--name", "oak"))
        self.assertEqual(made, {"name": "oak", "root": str(self.root),
                                "store": f"sqlite {self.root}/.reeve/town.db"})
        dir = self.root / ".reeve"
        self.assertEqual(sorted(path.name for path in dir.iterdir()), [".gitignore", "rounds", "town.toml"])
        self.assertEqual(stat.S_IMODE(dir.stat().st_mode), 0o700)
        self.assertEqual(stat.S_IMODE(self.settings().stat().st_mode), 0o600)
        self.assertIn("name = 'oak'", self.settings().read_text())
        before = self.settings().read_text()
        self.assertIn("already", self.reeve("init", "--name", "elm", exit_code=4))
        self.assertEqual(self.settings().read_text(), before)
        self.assertFalse(self.kept())  # init starts nothing

    def test_init_is_not_committed_by_accident(self):
        if shutil.which("git") is None:
            self.skipTest("no git")
        subprocess.run(["git", "init", "-q", str(self.root)], check=True, env=self.env)
        self.make_town()
        self.reeve("status")
        status = subprocess.run(["git", "-C", str(self.root), "status", "--porcelain", "--untracked-files=all"],
                                check=True, capture_output=True, text=True, env=self.env)
        self.assertEqual(status.stdout, "")

    def test_connect_sees_the_same_settings(self):
        self.make_town()
        below = self.root / "src"
        below.mkdir()
        for where in (self.root, below):
            done = subprocess.run([support.REEVE, "--json", "status"], cwd=where, env=self.env, capture_output=True,
                                  text=True, timeout=PATIENCE, check=True)
            self.assertEqual(json.loads(done.stdout)["name"], "oak")

    def test_init_without_a_home(self):
        for name in ("HOME", "XDG_STATE_HOME"):
            self.env.pop(name, None)
        self.make_town()
        self.reeve("status")
        self.assertIn("HOME", self.reeve("towns", exit_code=6))

    # The towns of a user

    def test_towns_are_listed_without_being_started(self):
        self.make_town()
        first = self.root
        self.addCleanup(self.end_daemon)
        self.spawn("ada")
        self.reeve("kill", "ada")
        self.spawn("bob")
        other = self.base / "other"
        other.mkdir()
        self.root = other
        self.reeve("init", "--name", "elm")
        gone = self.base / "gone"
        gone.mkdir()
        self.root = gone
        self.reeve("init", "--name", "yew")
        shutil.rmtree(gone)
        self.root = self.base
        towns = {town["name"]: town for town in self.json("towns")}
        self.assertEqual(towns["oak"]["state"], "running")
        self.assertEqual((towns["oak"]["agents"], towns["oak"]["working"]), (1, 0))
        self.assertEqual((towns["elm"]["state"], "agents" in towns["elm"]), ("stopped", False))
        self.assertEqual(towns["yew"]["state"], "path_missing")
        self.assertFalse((other / ".reeve" / "keeper.lock").exists())
        self.assertIn("path missing", self.reeve("towns"))
        self.assertEqual([town["name"] for town in self.json("towns", "--prune")], ["yew"])
        self.assertEqual(sorted(town["name"] for town in self.json("towns")), ["elm", "oak"])
        listed = self.base / ".local" / "state" / "reeve" / "towns.json"
        self.assertEqual(stat.S_IMODE(listed.stat().st_mode), 0o600)
        self.root = first

    def test_a_daemon_makes_its_town_known(self):
        self.make_town()
        shutil.rmtree(self.base / ".local")
        self.reeve("status")
        self.assertEqual([town["root"] for town in self.json("towns")], [str(self.root)])

    # Settings

    def test_config_shows_sets_and_unsets(self):
        self.make_town()
        text = self.settings().read_text() + "\n# mine\n"
        self.settings().write_text(text)
        all = {setting["key"]: setting for setting in self.json("config")}
        self.assertEqual((all["agents.silence"]["value"], all["agents.silence"]["source"]), ("10m", "default"))
        self.assertEqual(self.reeve("config", "durability"), "os\n")
        self.assertEqual(self.reeve("config", "agents.silence", "90s"), "")
        self.assertEqual(self.reeve("config", "agents.silence"), "90s\n")
        self.assertEqual(self.settings().read_text(), text + "\n[agents]\nsilence = '90s'\n")
        self.assertEqual(stat.S_IMODE(self.settings().stat().st_mode), 0o600)
        self.reeve("config", "agents.claims", "true")
        agent = self.spawn("ada")
        self.assertEqual((agent["limits"]["silence_ms"], agent["claims"]), (90000, True))
        # It runs already: what is set now is for the next daemon.
        self.assertTrue(self.json("config", "agents.rounds", "3")["restart_needed"])
        self.reeve("stop")
        agent = self.spawn("bob", "--silence", "600")
        self.assertEqual((agent["limits"]["silence_ms"], agent["limits"]["rounds"]), (600000, 3))
        self.reeve("config", "--unset", "agents.silence")
        self.assertEqual(self.reeve("config", "agents.silence"), "10m\n")

    def test_config_refuses_what_would_not_be_read(self):
        self.make_town()
        before = self.settings().read_text()
        self.assertIn("agents.silence", self.reeve("config", "agents.silense", "5m", exit_code=3))
        self.assertIn("agents.silence", self.reeve("config", "agents.silense", exit_code=3))
        self.reeve("config", "agents.silence", "soon", exit_code=2)
        self.reeve("config", "durability", "steel", exit_code=2)
        self.reeve("config", "name", "a/b", exit_code=2)
        self.reeve("config", "--unset", "name", exit_code=2)
        self.reeve("config", "agents.rounds", "1", "2", exit_code=2)
        self.assertEqual(self.settings().read_text(), before)

    def test_config_refuses_a_provider_that_no_daemon_would_start_with(self):
        self.make_town()
        # One after the other: until it is whole, that is told and not refused.
        done = self.run_reeve("config", "providers.gpt.base_url", "https://example.org/v1")
        self.assertEqual(done.returncode, 0)
        self.assertIn("no daemon starts with it", done.stderr)
        self.assertIn("kind", self.json("config", "providers.gpt.tries", "2")["problem"])
        self.reeve("config", "providers.gpt.kind", "openia", exit_code=2)
        self.assertIsNone(self.json("config", "providers.gpt.kind", "openai")["problem"])
        before = self.settings().read_text()
        self.assertIn("did you mean model?", self.reeve("config", "providers.gpt.modell", "m-1", exit_code=2))
        self.reeve("config", "providers.gpt.tries", "0", exit_code=2)
        self.reeve("config", "providers.gpt.tries", "often", exit_code=2)
        self.reeve("config", "providers.gpt.base_url", "nonsense", exit_code=2)
        self.assertEqual(self.settings().read_text(), before)
        self.reeve("config", "providers.gpt.model", "m-1")
        self.json("status")  # it starts

    def test_the_version_is_the_programs_and_the_daemons(self):
        self.make_town()
        own = self.json("version")
        self.assertEqual(list(own), ["version"])
        self.json("status")
        both = self.json("version")
        self.assertEqual(both["daemon"]["version"], own["version"])
        self.assertEqual(both["daemon"]["pid"], self.json("status")["pid"])
        self.assertIn("daemon " + own["version"], self.reeve("version"))

    def test_a_limit_is_one_or_more_and_0_only_of_what_is_followed(self):
        self.make_town()
        self.spawn("ada")
        for words in (("events",), ("history",), ("activity", "ada"), ("task", "list"), ("backlog", "list")):
            self.reeve(*words, "-n", "0", exit_code=2)
            self.reeve(*words, "-n", "1")
        self.reeve("events", "-n", "1001", exit_code=2)
        following = self.begin("events", "--follow", "-n", "0")
        names = (f"a{number}" for number in range(1000))

        def told():  # of what happens once it follows
            self.spawn(next(names))
            return select.select([following.stdout], [], [], 0.2)[0]

        self.eventually(told)
        first = json.loads(following.stdout.readline())
        self.assertEqual(first["kind"], "AgentSpawned")
        self.assertTrue(first["payload"]["agent"]["name"].startswith("a"), first)
        self.assertNotEqual(first["payload"]["agent"]["name"], "ada")

    def test_text_that_is_not_utf8_is_called_so(self):
        self.make_town()
        self.spawn("ada")
        for words, stdin in (((b"assign", b"ada", b"gr\xfc\xdf"), None), ((b"assign", b"ada", b"-"), b"gr\xfc\xdf")):
            done = subprocess.run([support.REEVE, "--town", str(self.root), *words], env=self.env, input=stdin,
                                  capture_output=True, timeout=PATIENCE, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(b"UTF-8", done.stderr)

    def test_w41_dead_settings_are_told(self):
        self.make_town()
        with open(self.settings(), "a", encoding="utf-8") as file:
            file.write("\n[agents]\nidle_timeout_secs = 300\n")
        self.assertIn("agents.idle_timeout_secs", self.reeve("config"))
        [told] = [f for f in self.findings(6) if f["subject"] == "settings"]
        self.assertEqual(told["verdict"], "bad")
        self.assertIn("agents.idle_timeout_secs", told["text"])
        self.reeve("config", "--unset", "agents.idle_timeout_secs")
        self.assertEqual([f for f in self.findings() if f["subject"] == "settings"], [])

    # Before the first round

    def test_a_cli_that_is_not_there_is_caught_before_the_first_round(self):
        self.make_town()
        self.env["PATH"] = "/usr/bin:/bin"
        self.reeve("stop")
        error = self.reeve("spawn", "ada", "--cli", "codex", exit_code=6)
        self.assertIn("npm install", error)
        self.reeve("spawn", "ada", "--cli", "./nothing.sh", exit_code=6)
        self.assertEqual(self.json("list"), [])
        self.reeve("spawn", "ada", "--cli", "codex", "--unchecked")
        self.assertEqual(len(self.json("list")), 1)

    def test_a_cli_that_is_not_logged_in_is_caught_before_the_first_round(self):
        for name in list(self.env):
            if name.startswith(("ANTHROPIC_", "CLAUDE_")):
                self.env.pop(name)
        self.program("claude", "echo 2.1.197")
        self.make_town()
        if not os.path.exists("/etc/claude-code/managed-settings.json"):
            self.assertIn("not logged in", self.reeve("spawn", "ada", "--cli", "claude", exit_code=6))
        # A variable of the agent's own is a login; settings may hold one.
        self.assertNotIn("note", self.json("spawn", "ada", "--cli", "claude", "--env", "ANTHROPIC_API_KEY=x"))
        (self.base / ".claude").mkdir()
        (self.base / ".claude" / "settings.json").write_text("{}")
        self.assertIn("no login", self.json("spawn", "bob", "--cli", "claude")["note"])
        self.assertIn("note: no login", self.reeve("spawn", "cyd", "--cli", "claude"))

    # The doctor

    def test_the_doctor_finds_what_the_town_needs(self):
        self.program("codex", "echo codex-cli 0.170.0")
        self.program("claude", "sleep 600")
        self.make_town()
        found = {f["subject"]: f for f in self.findings()}
        for subject in ("town", "git", "repository", "disk", "open files", "processes", "memory", "towns", "codex"):
            self.assertIn(subject, found)
        self.assertIn("0.170.0", found["codex"]["text"])
        self.assertIn("does not answer --version", found["claude"]["text"])
        self.assertIn("does not run", found["daemon"]["text"])
        self.assertFalse(self.kept())  # the doctor starts nothing
        self.reeve("spawn", "ada", "--cli", "codex", "--unchecked")
        found = {f["subject"]: f for f in self.findings(6)}
        self.assertIn("pid", found["daemon"]["text"])
        self.assertEqual(found["clock"]["verdict"], "good")
        self.assertIn("not logged in", found["ada"]["text"])
        self.reeve("kill", "ada")
        self.assertNotIn("ada", {f["subject"] for f in self.findings()})

    def test_the_doctor_outside_of_a_town(self):
        found = {f["subject"]: f for f in self.findings()}
        self.assertIn("reeve init", found["town"]["text"])

    # What happened

    def test_w16_events_begin_with_the_newest_and_nothing_comes_twice(self):
        self.make_town()
        self.spawn("ada")
        for number in range(30):
            self.reeve("send", "ada", "--info", f"number {number}")
        newest = [json.loads(line) for line in self.reeve("--json", "events", "-n", "5").splitlines()]
        everything = self.events()
        self.assertEqual([e["position"] for e in newest], [e["position"] for e in everything[-5:]])
        follower = self.begin("events", "--follow", "-n", "3", "--kind", "MessageSent").stdout
        seen = [json.loads(follower.readline()) for _ in range(3)]
        for number in range(30, 33):
            self.reeve("send", "ada", "--info", f"number {number}")
            seen.append(json.loads(follower.readline()))
        self.assertEqual([e["payload"]["message"]["text"] for e in seen], [f"number {n}" for n in range(27, 33)])
        positions = [e["position"] for e in seen]
        self.assertEqual(positions, sorted(set(positions)))
        # A reader that comes back with a cursor.
        rest = self.reeve("--json", "events", "--after", seen[-2]["cursor"], "--kind", "MessageSent").splitlines()
        self.assertEqual([json.loads(line)["position"] for line in rest], positions[-1:])

    def test_w16_history_filters_before_it_counts(self):
        self.make_town()
        self.spawn("ada")
        self.spawn("bob")
        self.reeve("send", "ada", "--info", "first")
        for number in range(40):
            self.reeve("send", "bob", "--info", f"number {number}")
        told = self.json("history", "-n", "2", "--agent", "ada")
        self.assertEqual([fact["kind"] for fact in told], ["AgentSpawned", "MessageSent"])
        self.assertEqual(told[1]["text"], 'supervisor wrote to ada: "first"')
        self.assertEqual(len(self.json("history")), 30)
        self.assertEqual(len(self.json("history", "-n", "3")), 3)
        positions = [fact["position"] for fact in self.json("history", "-n", "100")]
        self.assertEqual(positions, sorted(positions))
        self.assertIn('supervisor wrote to bob: "number 39"', self.reeve("history").splitlines()[-1])
        self.assertIn("cid", self.reeve("history", "--agent", "cid", exit_code=3))

    def test_activity_report(self):
        self.make_town()
        self.spawn("ada")
        self.reeve("wait", "--task", self.assign("ada", "paint"))
        self.reeve("wait", "ada")
        self.reeve("send", "ada", "--info", "thanks")
        told = self.json("activity", "ada")
        kinds = [fact["kind"] for fact in told]
        for kind in ("AgentSpawned", "TaskAssigned", "TaskStarted", "RunCompleted", "TaskCompleted", "MessageSent"):
            self.assertEqual(kinds.count(kind), 1, kinds)
        [round] = [fact for fact in told if fact["kind"] == "RunCompleted"]
        self.assertGreaterEqual(round["duration_ms"], 0)
        self.assertEqual(round["text"], "the round of ada succeeded: done: ada")
        self.assertEqual([fact["kind"] for fact in self.json("activity", "ada", "-n", "1")], ["MessageSent"])
        self.assertIn("the round of ada succeeded", self.reeve("activity", "ada"))
        self.assertIn("did you mean", self.reeve("activity", "adda", exit_code=3))

    def test_activity_of_a_round_in_progress(self):
        self.make_town()
        self.at_the_gate()
        self.assertEqual(self.json("activity", "ada")[-1]["text"], "ada is in a round")
        self.open_gate()

    # Shells

    def test_completion_in_bash(self):
        self.make_town()
        self.spawn("ada")
        self.spawn("adam")
        script = f"""
        PATH={os.path.dirname(support.REEVE)}:$PATH
        source <(reeve completion bash)
        offer() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _reeve; echo "${{COMPREPLY[*]}}"; }}
        cd {self.root}
        offer reeve spa
        offer reeve kill ad
        offer reeve kill adam ''
        offer reeve events --scope agent : ad
        offer reeve spawn x --permissions ''
        offer reeve task li
        """
        done = subprocess.run(["bash", "--norc", "-c", script], env=self.env, capture_output=True, text=True,
                              timeout=PATIENCE, check=True)
        self.assertEqual(done.stdout.splitlines(),
                         ["spawn", "ada adam", "", "ada adam", "ask edits bypass", "list"], done.stderr)

    def test_completion_starts_no_daemon(self):
        self.make_town()
        self.assertEqual(self.reeve("__complete", "--", "kill", ""), "")
        self.assertFalse(self.kept())

    def test_the_manual_page_is_rendered_without_a_warning(self):
        page = self.reeve("man")
        self.assertIn("reeve history", page)
        if shutil.which("groff") is None:
            self.skipTest("no groff")
        done = subprocess.run(["groff", "-man", "-T", "utf8", "-ww", "-z"], input=page, env=self.env,
                              capture_output=True, text=True, timeout=PATIENCE, check=True)
        self.assertEqual(done.stdout + done.stderr, "")

    # What a command line owes its user

    def test_w51_looking_starts_nothing_and_restarts_nothing(self):
        self.make_town()
        for words in (("towns",), ("config",), ("doctor",), ("completion", "bash"), ("man",), ("version",)):
            self.run_reeve(*words)
            self.assertFalse(self.kept(), words)
        pid = self.json("status")["pid"]
        for _ in range(3):
            self.run_reeve("doctor")
            self.reeve("towns")
        self.assertEqual(self.json("status")["pid"], pid)
        self.assertEqual(self.kinds().count("DaemonStarted"), 1)

    def test_w52_output_is_plain_and_failures_have_their_exit_codes(self):
        self.make_town()
        self.spawn("ada")
        for words in (("status",), ("list",), ("history",), ("activity", "ada"), ("towns",), ("config",), ("inbox",)):
            self.assertNotIn("\x1b", self.reeve(*words), words)
            json.loads(self.reeve("--json", *words))
        for words, code in ((("activity", "nobody"), 3), (("config", "nothing"), 3), (("history", "-n", "x"), 2),
                            (("history", "-n", "5000"), 2), (("completion", "tcsh"), 2), (("completion",), 2)):
            done = self.run_reeve("--json", *words)
            self.assertEqual(done.returncode, code, (words, done.stderr))
            self.assertEqual(done.stdout, "")
            self.assertIn("detail", json.loads(done.stderr))

    def test_many_set_settings_at_once(self):
        self.make_town()
        keys = ["rounds", "failures", "max_tokens"]
        threads = [threading.Thread(target=self.run_reeve, args=("config", f"agents.{key}", "7")) for key in keys]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([self.reeve("config", f"agents.{key}") for key in keys], ["7\n"] * 3)


if __name__ == "__main__":
    support.main()
