"""Each verb of tt on the agents, tasks and messages of a town that reeve runs."""

import re

import tt_support
from tt_support import Towns

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Verbs(Towns):
    def look_up(self, name):
        return self.json("status", name)["agent"]

    def state(self, name):
        return self.look_up(name)["state"]

    def becomes(self, name, state):
        self.eventually(lambda: self.state(name) == state)

    def task(self, task):
        return self.json("task", "show", task)["task"]

    def task_becomes(self, task, state):
        self.eventually(lambda: self.task(task)["state"] == state)

    def paused(self, *names):
        """Agents that begin no round, so that what waits for them can be looked at."""
        for name in names:
            self.spawn(name)
            self.reeve("interrupt", name)
        self.mirrored()

    def inbox(self, name):
        return self.json("inbox", name)["messages"]

    def texts(self, name):
        return [message["text"] for message in self.inbox(name)]

    def backlog(self):
        return sorted(one["task"]["text"] for one in self.json("backlog", "list")["tasks"])

    def origin(self, kind):
        return [event["origin"] for event in self.events("--kind", kind)][-1]

    def shown(self, word, *command):
        """tt comes to show it."""
        self.eventually(lambda: word in self.tt(*command))


class OnAgents(Verbs):
    def test_interrupt_resume_and_close(self):
        self.spawn("alice")
        self.mirrored()
        self.tt("interrupt", "alice")
        self.becomes("alice", "paused")
        self.assertEqual(self.origin("AgentInterrupted"), "tinytown")
        self.tt("resume", "alice")
        self.becomes("alice", "idle")
        self.assertEqual(self.origin("AgentResumed"), "tinytown")
        self.tt("close", "alice")
        self.becomes("alice", "stopped")
        self.shown("Stopped", "list")

    def test_interrupt_stops_a_round_and_resume_goes_on_with_it(self):
        task = self.at_the_gate("alice")
        self.mirrored()
        self.tt("interrupt", "alice")
        self.becomes("alice", "paused")
        self.eventually(lambda: not self.look_up("alice").get("current_run"))
        self.assertNotIn(self.task(task)["state"], ("completed", "failed", "cancelled"))

    def test_kill_ends_a_round_at_once(self):
        self.at_the_gate("alice")
        self.mirrored()
        self.tt("kill", "alice")
        self.becomes("alice", "stopped")
        self.assertEqual(self.origin("AgentStopRequested"), "tinytown")
        self.shown("Stopped", "list")

    def test_stop_stops_all(self):
        self.paused("alice", "bob")
        self.tt("stop")
        self.becomes("alice", "stopped")
        self.becomes("bob", "stopped")

    def test_restart_is_ours_and_the_loop_of_tt_is_sent_away(self):
        self.spawn("alice")
        self.reeve("kill", "alice")
        self.mirrored()
        self.tt("restart", "alice")
        self.becomes("alice", "idle")
        self.assertEqual(self.origin("AgentRestarted"), "tinytown")
        # tt has begun a loop of its own as well: two masters.
        self.until(self.begin("events", "--all", "--follow", "--kind", "AgentParked").stdout, "AgentParked")
        self.eventually(lambda: not self.look_up("alice").get("parked"))
        self.becomes("alice", "idle")
        task = self.assign("alice", "do it")
        self.task_becomes(task, "completed")

    def test_kill_and_restart_in_one_breath(self):
        for name in ("alice", "bob", "carl"):
            self.spawn(name)
            self.mirrored()
            self.tt("kill", name)
            self.tt("restart", name)
        for name in ("alice", "bob", "carl"):
            self.becomes(name, "idle")
            self.eventually(lambda one=name: not self.look_up(one).get("parked"))
            task = self.assign(name, "do it")
            self.task_becomes(task, "completed")
            self.assertNotEqual(self.state(name), "stopped")
        self.assertEqual(self.kinds().count("AgentStopped"), self.kinds().count("AgentRestarted"))

    def test_interrupt_and_resume_in_one_breath(self):
        self.spawn("alice")
        self.mirrored()
        self.tt("interrupt", "alice")
        self.tt("resume", "alice")
        self.eventually(lambda: self.kinds().count("AgentInterrupted") == self.kinds().count("AgentResumed"))
        self.becomes("alice", "idle")
        self.shown("Idle", "list")

    def test_recover_of_an_agent_that_lives_is_written_over(self):
        self.paused("alice")
        self.reeve("stop")
        key = f"tt:gold:agent:{self.id_of('alice')}"
        self.redis.cli("hset", key, "last_heartbeat", "2020-01-01T00:00:00+00:00", "state", "idle",
                       "reeve_wrote", "idle")
        self.assertIn("ecovered", self.tt("recover"))
        self.assertIn("Stopped", self.tt("list"))
        self.mirrored()
        self.shown("Paused", "list")
        self.assertEqual(self.kinds().count("AgentStopped"), 0)

    def id_of(self, name):
        for key in self.redis.cli("keys", "tt:gold:agent:*").split():
            if self.redis.cli("hget", key, "name") == name:
                return key.rsplit(":", 1)[1]
        return self.fail(name)

    def test_prune_of_a_stopped_agent_puts_its_work_into_the_backlog(self):
        self.paused("alice", "bob")
        self.assign("alice", "write the report")
        self.reeve("kill", "alice")
        self.mirrored()
        self.tt("prune")
        self.eventually(lambda: [a["agent"]["name"] for a in self.json("list")] == ["bob"])
        self.assertEqual(self.backlog(), ["write the report"])
        self.assertNotIn("alice", self.tt("list"))

    def test_prune_all_loses_no_agent_that_lives(self):
        self.paused("alice")
        self.reeve("send", "alice", "--info", "fyi")
        self.mirrored()
        self.tt("prune", "--all")
        self.shown("alice", "list")
        self.shown("fyi", "inbox", "alice")
        self.assertEqual(self.state("alice"), "paused")

    def test_reset_of_agents_loses_none(self):
        self.paused("alice")
        task = self.assign("alice", "write the report")
        self.mirrored()
        self.tt("reset", "--force", "--agents-only")
        self.shown("alice", "list")
        self.assertEqual(self.task(task)["state"], "assigned")

    def test_reset_deletes_nothing_here(self):
        self.paused("alice", "bob")
        self.reeve("kill", "bob")
        task = self.assign("alice", "write the report")
        self.json("backlog", "add", "later")
        self.mirrored()
        self.tt("reset", "--force")
        self.until(self.begin("events", "--all", "--follow", "--kind", "MirrorRewritten").stdout, "MirrorRewritten")
        self.mirrored()
        self.shown("write the report", "task", "list")
        self.shown("bob", "list")
        self.shown("later", "backlog", "list")
        self.assertEqual(self.task(task)["state"], "assigned")
        self.assertEqual(self.kinds().count("AgentPruned"), 0)
        self.assertEqual(self.kinds().count("TaskCancelled"), 0)

    def test_adopt(self):
        self.tt("spawn", "zed", "--cli", str(self.agent))
        self.eventually(lambda: "Idle" in self.tt("list"))
        self.assertIn("tt kill zed", self.reeve("adopt", "zed", exit_code=4))
        self.assertEqual(self.kinds().count("AgentSpawned"), 0)
        self.tt("kill", "zed")
        # Its loop takes the flag before it goes.
        self.eventually(lambda: self.redis.cli("keys", "tt:gold:stop:*") == "")
        self.tt("send", "zed", "do it")
        self.assertIn("is the town's", self.reeve("adopt", "zed"))
        self.eventually(lambda: self.kinds().count("RunCompleted") == 1)
        self.assertEqual(self.inbox("zed"), [])


class OnMail(Verbs):
    def test_send(self):
        self.paused("alice", "bob")
        self.tt("send", "alice", "fyi", "--info")
        self.tt("send", "alice", "what is up?", "--query", "--from", "bob")
        self.tt("send", "alice", "approved", "--ack")
        self.tt("send", "alice", "do it")
        self.tt("send", "alice", "now!", "--urgent")
        self.eventually(lambda: len(self.inbox("alice")) == 5)
        messages = self.inbox("alice")
        self.assertEqual(messages[0]["text"], "now!")
        self.assertEqual(messages[0]["priority"], "urgent")
        self.assertEqual([m["type"] for m in messages[1:]], ["informational", "query", "confirmation", "task"])
        self.assertEqual(messages[2]["from"], "bob")
        self.mirrored()
        self.assertIn("4 messages", self.tt("inbox", "alice"))
        self.assertEqual(self.redis.cli("llen", f"tt:gold:urgent:{self.look_up('alice')['id']}"), "1")

    def test_a_message_begins_a_round(self):
        self.spawn("alice")
        self.mirrored()
        self.tt("send", "alice", "do it")
        self.eventually(lambda: self.kinds().count("RunCompleted") == 1)
        self.assertEqual(self.kinds().count("RunStarted"), 1)

    def test_what_is_sent_while_the_daemon_is_away_is_taken_later(self):
        self.paused("alice")
        self.reeve("stop")
        self.tt("send", "alice", "fyi", "--info")
        task = UUID.search(self.tt("assign", "alice", "write it")).group()
        self.eventually(lambda: sorted(self.texts("alice")) == ["fyi", "write it"])
        self.assertEqual(self.task(task)["state"], "assigned")

    def test_reclaim_without_a_destination_loses_nothing(self):
        self.paused("alice")
        self.reeve("send", "alice", "do it")
        self.reeve("kill", "alice")
        self.mirrored()
        self.tt("reclaim")
        self.shown("do it", "inbox", "alice")
        self.assertEqual(self.texts("alice"), ["do it"])

    def test_reclaim_to_the_backlog(self):
        self.paused("alice")
        self.assign("alice", "write the report")
        self.reeve("send", "alice", "do it")
        self.reeve("kill", "alice")
        self.mirrored()
        self.tt("reclaim", "--to-backlog")
        self.eventually(lambda: self.backlog() == ["do it", "write the report"])
        self.mirrored()
        self.eventually(lambda: self.redis.cli("llen", "tt:gold:backlog") == "2")
        self.assertEqual(self.backlog(), ["do it", "write the report"])

    def test_reclaim_to_an_agent(self):
        self.paused("alice", "bob")
        task = self.assign("alice", "write the report")
        self.reeve("send", "alice", "do it")
        self.reeve("kill", "alice")
        self.mirrored()
        self.tt("reclaim", "--to", "bob", "--from", "alice")
        self.eventually(lambda: sorted(self.texts("bob")) == ["do it", "write the report"])
        self.assertEqual(self.task(task)["agent"], self.look_up("bob")["id"])
        self.assertEqual(self.texts("alice"), [])


class OnTasks(Verbs):
    def test_assign(self):
        self.paused("alice")
        task = UUID.search(self.tt("assign", "alice", "write it\nall of it")).group()
        self.eventually(lambda: len(self.inbox("alice")) == 1)
        self.assertEqual(self.task(task)["text"], "write it\nall of it")
        self.assertEqual(self.origin("TaskCreated"), "tinytown")
        self.reeve("resume", "alice")
        self.task_becomes(task, "completed")
        self.shown("State: Completed", "task", "show", task)

    def test_complete(self):
        self.paused("alice")
        task = self.assign("alice", "write it")
        self.mirrored()
        self.tt("task", "complete", task, "--result", "all done")
        self.task_becomes(task, "completed")
        self.assertEqual(self.task(task)["result"], "all done")
        self.assertEqual(self.origin("TaskCompleted"), "tinytown")
        self.assertEqual(self.state("alice"), "paused")

    def test_backlog(self):
        self.paused("alice")
        one = self.json("backlog", "add", "one")["id"]
        two = self.json("backlog", "add", "two")["id"]
        self.mirrored()
        three = UUID.search(self.tt("backlog", "add", "three", "--tags", "api,backend")).group()
        self.eventually(lambda: self.backlog() == ["one", "three", "two"])
        self.assertEqual(self.task(three)["tags"], ["api", "backend"])
        self.mirrored()
        self.tt("backlog", "claim", one, "alice")
        self.eventually(lambda: self.texts("alice") == ["one"])
        self.assertEqual(self.task(one)["agent"], self.look_up("alice")["id"])
        self.mirrored()
        self.tt("backlog", "claim", two, "nobody", exit_code=1)
        # tt has lost it from its backlog thereby.
        self.shown("two", "backlog", "list")
        self.tt("backlog", "assign-all", "alice")
        self.eventually(lambda: sorted(self.texts("alice")) == ["one", "three", "two"])
        self.assertEqual(self.backlog(), [])

    def test_backlog_remove(self):
        task = self.json("backlog", "add", "one")["id"]
        self.mirrored()
        self.tt("backlog", "remove", task)
        self.task_becomes(task, "cancelled")
        self.assertEqual(self.backlog(), [])


if __name__ == "__main__":
    tt_support.main()
