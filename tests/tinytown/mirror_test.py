"""What tt shows of a town that reeve runs."""

import json

import tt_support
from tt_support import Towns


class Shown(Towns):
    def test_agents_tasks_mail_backlog_and_events(self):
        self.spawn("alice", "--role", "worker", "--nickname", "Al")
        self.spawn("bob")
        self.reeve("interrupt", "alice")
        self.reeve("interrupt", "bob")
        task = self.assign("alice", "write the report\nsecond line")
        self.reeve("send", "bob", "--info", "fyi")
        self.reeve("send", "bob", "--query", "what is up?")
        self.reeve("send", "bob", "--urgent", "now!")
        later = self.json("backlog", "add", "fix the api", "--tag", "api")["id"]
        self.mirrored()

        listed = self.tt("list")
        self.assertIn("Al [worker]", listed)
        self.assertIn("bob [bob]", listed)
        self.assertEqual(listed.count("Paused"), 2, listed)
        tasks = self.tt("task", "list")
        self.assertIn(f"{task[:4]} - write the report [Al [worker]]", tasks)
        self.assertIn(f"{later[:4]} - fix the api [unassigned]", tasks)
        shown = self.tt("task", "show", task)
        self.assertIn("State: Assigned", shown)
        self.assertIn("second line", shown)
        inbox = self.tt("inbox", "bob")
        self.assertIn("[Q] question: what is up?", inbox)
        self.assertIn("fyi", inbox)
        self.assertIn("2 messages", inbox)
        self.assertEqual(self.redis.cli("llen", f"tt:gold:urgent:{self.json('status', 'bob')['agent']['id']}"), "1")
        self.assertIn("fix the api [api]", self.tt("backlog", "list"))
        events = self.tt("events")
        for kind in ("agent_spawned", "agent_interrupted", "task_assigned"):
            self.assertIn(f"[{kind}]", events)
        self.assertIn("Agent interrupted (paused)", self.tt("history"))
        status = self.tt("status", "--deep", "--tasks")
        self.assertIn("Agents: 2", status)
        self.assertIn("Interrupted (paused)", status)

    def test_a_round_from_its_start_to_its_end(self):
        task = self.at_the_gate("alice")
        self.mirrored()
        self.assertIn("Working", self.tt("list"))
        self.assertIn("no pending messages", self.tt("status", "--deep"))
        self.open_gate()
        self.reeve("wait", "--task", task)
        self.reeve("wait", "alice")
        self.mirrored()
        self.assertIn("Idle", self.tt("list"))
        self.assertIn("Round 1: ✅ completed", self.tt("status", "--deep"))
        self.assertIn("[task_completed]", self.tt("events"))
        self.assertIn("through the gate", self.tt("task", "show", task))
        self.reeve("kill", "alice")
        self.mirrored()
        self.assertIn("Stopped", self.tt("list"))
        self.reeve("prune", "alice")
        self.mirrored()
        self.assertNotIn("alice", self.tt("list"))

    def test_recover_finds_nobody_dead(self):
        self.spawn("alice")
        self.mirrored()
        self.assertIn("No orphaned agents", self.tt("recover"))

    def test_reset_empties_the_mirror_not_the_town(self):
        self.spawn("alice")
        self.reeve("interrupt", "alice")
        self.assign("alice", "write the report")
        self.mirrored()
        self.tt("reset", "--force")
        self.until(self.begin("events", "--all", "--follow", "--kind", "MirrorRewritten").stdout, "MirrorRewritten")
        self.mirrored()
        self.assertIn("alice", self.tt("list"))
        self.assertIn("write the report", self.tt("task", "list"))
        self.assertEqual(self.kinds().count("MirrorRewritten"), 1)

    def test_a_daemon_that_is_stopped_leaves_what_tt_sees(self):
        self.spawn("alice")
        self.reeve("stop")
        self.assertIn("alice", self.tt("list"))
        self.reeve("interrupt", "alice")
        self.mirrored()
        self.assertIn("Paused", self.tt("list"))
        self.assertEqual(self.kinds().count("MirrorRewritten"), 0)

    def test_tts_own_agents_stay(self):
        self.redis.cli("hset", "tt:gold:agent:9efcdaeb-876c-4936-b447-2a6ceae0ef5e", "id",
                       "9efcdaeb-876c-4936-b447-2a6ceae0ef5e", "name", "zed", "state", "idle")
        self.spawn("alice")
        self.mirrored()
        listed = self.tt("list")
        self.assertIn("zed", listed)
        self.assertIn("alice", listed)

    def test_the_mirror_tells_of_itself(self):
        view = self.json("mirror")
        self.assertEqual(view["keys"], "tt:gold:")
        self.assertIn("redis", view)
        self.mirrored()
        self.assertIn("up to date", self.reeve("mirror"))
        self.reeve("config", "mirror.enabled", "false")
        self.reeve("stop")
        self.assertEqual(json.loads(self.reeve("--json", "mirror"))["state"], "off")


if __name__ == "__main__":
    tt_support.main()
