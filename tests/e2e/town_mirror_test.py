"""The mirror in tinytown's keys, from a user's side. With the real tt: tests/tinytown."""

import shutil
import unittest

import support


class Mirror(support.Town):
    def setUp(self):
        if not shutil.which("redis-server"):
            self.skipTest("THERE IS NO redis-server ON THE PATH: NOTHING IS TESTED HERE")
        super().setUp()
        self.redis = support.Redis(self.base)
        self.addCleanup(self.redis.end)
        self.addCleanup(self.end_daemon)

    def mirrored(self):
        head = self.json("status")["events"]
        self.eventually(lambda: self.json("mirror")["position"] >= head)

    def test_tinytown_mirror_is_set_at_init_and_told_of(self):
        self.reeve("init", "--name", "gold", "--cli", str(self.agent), "--mirror", self.redis.url)
        agent = self.spawn("alice")
        self.mirrored()
        self.assertEqual(self.redis.cli("hget", f"tt:gold:agent:{agent['id']}", "name"), "alice")
        view = self.json("mirror")
        self.assertEqual((view["state"], view["keys"], view["redis"]), ("following", "tt:gold:", self.redis.url))
        self.assertIn("up to date", self.reeve("mirror"))
        self.assertIn(self.redis.url, self.reeve("config", "mirror.redis"))

    def test_tinytown_mirror_can_be_had_later_and_be_gone_again(self):
        self.make_town()
        agent = self.spawn("alice")
        self.assertEqual(self.json("mirror")["state"], "off")
        self.assertIn("there is none", self.reeve("mirror"))
        self.reeve("config", "mirror.redis", self.redis.url)
        self.reeve("stop")
        self.mirrored()
        key = f"tt:oak:agent:{agent['id']}"
        self.assertEqual(self.redis.cli("hget", key, "state"), "idle")
        self.reeve("kill", "alice")
        self.reeve("stop")
        self.assertEqual(self.redis.cli("hget", key, "state"), "stopped", "an orderly stop waits for the mirror")
        self.reeve("config", "mirror.enabled", "false")
        self.assertEqual(self.json("mirror")["state"], "off")

    def older(self, between):
        """What happens to a town whose mirror's Redis comes back older than it was."""
        self.reeve("init", "--name", "gold", "--cli", str(self.agent), "--mirror", self.redis.url)
        self.spawn("alice")
        self.mirrored()
        self.redis.cli("save")
        task = self.json("backlog", "add", "new")["id"]
        self.spawn("carl")
        self.reeve("kill", "carl")
        self.mirrored()
        between()
        self.eventually(lambda: "MirrorRewritten" in self.kinds())
        self.mirrored()
        self.eventually(lambda: self.redis.cli("lrange", "tt:gold:backlog", "0", "-1") == task)
        # A look at everything, each second, has been there.
        looks = int(self.looks())
        self.eventually(lambda: int(self.looks()) > looks + 10)
        self.assertEqual(self.json("task", "show", task)["task"]["state"], "pending")
        self.assertEqual(self.json("status", "carl")["agent"]["state"], "stopped")
        self.assertEqual(self.kinds().count("MirrorRewritten"), 1)
        self.assertFalse({"TaskCancelled", "AgentPruned"} & set(self.kinds()))

    def looks(self):
        stats = self.redis.cli("info", "commandstats").split("cmdstat_eval:calls=")
        return stats[1].split(",")[0] if len(stats) > 1 else "0"

    def test_tinytown_mirror_in_a_redis_that_is_older_deletes_nothing(self):
        self.older(self.redis.put_back)

    def test_tinytown_mirror_in_a_redis_that_is_older_for_the_next_daemon(self):
        def between():
            self.reeve("stop")
            self.redis.put_back()
            self.reeve("list")

        self.older(between)

    def test_tinytown_mirror_without_its_redis_holds_nobody_up(self):
        self.reeve("init", "--name", "gold", "--cli", str(self.agent), "--mirror", "redis://127.0.0.1:1")
        self.spawn("alice")
        self.eventually(lambda: self.json("mirror").get("error"))
        self.assertEqual(self.json("mirror")["state"], "away")
        self.assertIn("trouble", self.reeve("mirror"))
        both = self.reeve("init", "--name", "x", "--mirror", self.redis.url, "--no-mirror", exit_code=2)
        self.assertIn("one of --mirror and --no-mirror", both)


if __name__ == "__main__":
    support.main()
