#include "doors/rest/testing.h"

#include <gtest/gtest.h>

#include <set>

#include "base/limits.h"

namespace reeve::doors {
namespace {

using RoutesTest = DoorTest;

// --- The table
// ------------------------------------------------------------------------------------

TEST_F(RoutesTest, EveryRouteOfTheTableIsReached) {
  spawn("ada");
  const auto task = assign("ada", "paint");
  ASSERT_TRUE(world_.until([&] { return world_.machine.started() == 1; }));
  const auto made = post("/v1/webhooks", {{"url", "https://example.org/"}});
  const std::string webhook(made.body.at("webhook").at("id").as_string());
  provide("model", R"({"turns":[["yes"]]})");
  const auto asked = post("/v1/runs", {{"provider", "model"}, {"text", "hello"}});
  const std::string session(asked.body.at("session").as_string());
  ASSERT_EQ(ask("PUT", "/v1/sessions/" + session + "/data/k", "1").status, 200);
  const auto letter = post("/v1/messages", {{"to", "supervisor"}, {"text", "hello"}});
  std::set<std::string> seen;
  for (const auto& route : routes()) {
    EXPECT_TRUE(seen.insert(std::string(route.method) + " " + std::string(route.pattern)).second);
    EXPECT_FALSE(route.summary.empty());
    if (route.pattern.ends_with("/wait") || route.pattern.ends_with("/complete")) continue;
    if (route.pattern.ends_with("/answer")) continue;         // waits
    if (route.pattern.ends_with("/remove")) continue;         // the others would find nothing
    if (route.pattern.ends_with("{agent}/result")) continue;  // ada has completed nothing
    auto target = std::string(route.pattern);
    for (const auto& [name, value] : {std::pair<std::string, std::string>{"{agent}", "ada"},
                                      {"{message}", std::string(letter.body.at("id").as_string())},
                                      {"{task}", task},
                                      {"{webhook}", webhook},
                                      {"{run}", std::string(asked.body.at("run").as_string())},
                                      {"{session}", session},
                                      {"{key}", "k"}}) {
      if (const auto at = target.find(name); at != std::string::npos)
        target.replace(at, name.size(), value);
    }
    const auto reply = ask(std::string(route.method), target,
                           route.method == "POST" ? R"({"name":"x","to":"ada","text":"hi"})" : "");
    EXPECT_NE(reply.status, 404) << target << reply.text;
    EXPECT_NE(reply.status, 405) << target << reply.text;
    EXPECT_LT(reply.status, 500) << target << reply.text;
  }
}

TEST_F(RoutesTest, WhatIsNoRouteIsNotFoundAndAnotherMethodIsNotAllowed) {
  EXPECT_EQ(get("/").status, 404);
  EXPECT_EQ(get("/v1/nothing").status, 404);
  EXPECT_EQ(get("/v1/agents/ada/inbox/more").status, 404);
  EXPECT_EQ(get("/v1/agents//inbox").status, 404);
  const auto reply = ask("DELETE", "/v1/agents");
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(reply.body.at("status").as_int64(), 405);
  EXPECT_EQ(net::header(reply.headers, "Content-Type"), "application/problem+json");
  EXPECT_EQ(net::header(reply.headers, "Allow"), "GET, HEAD, POST");
  EXPECT_EQ(ask("HEAD", "/v1/town").status, 200);
}

TEST_F(RoutesTest, AnotherVersionOfTheApiIsRefusedWithWhatToDo) {
  const auto reply = ask("GET", "/v1/town", "", {{"reeve-api", "99"}});
  EXPECT_EQ(reply.code(), "unsupported");
  EXPECT_TRUE(reply.detail().contains("reeve stop"));
  EXPECT_EQ(ask("GET", "/v1/town", "", {{"reeve-api", std::string(kApiVersion)}}).status, 200);
}

// --- Shapes
// ---------------------------------------------------------------------------------------

TEST_F(RoutesTest, TheTownAtAGlance) {
  spawn("ada");
  const auto town = from_json<api::TownView>(get("/v1/town").body).value();
  EXPECT_EQ(town.name, "oak");
  EXPECT_EQ(town.version, "1.2.3");
  EXPECT_EQ(town.events, 1);
  ASSERT_EQ(town.agents.size(), 1U);
  EXPECT_EQ(town.agents[0].agent.name, "ada");
  EXPECT_EQ(get("/v1/version").body.at("version"), "1.2.3");
  EXPECT_EQ(get("/v1/version").body.at("api"), json::value(kApiVersion));
}

TEST_F(RoutesTest, TheTinytownMirrorIsTold) {
  EXPECT_EQ(get("/v1/mirror").body.at("state"), "off");
  api::MirrorView view;
  view.state = api::MirrorState::away;
  view.behind = 7;
  view.error = "it is away";
  rest_.mirror = [&] { return view; };
  const auto told = get("/v1/mirror").body;
  EXPECT_EQ(told.at("state"), "away");
  EXPECT_EQ(told.at("behind"), 7);
  EXPECT_EQ(told.at("error"), "it is away");
}

TEST_F(RoutesTest, AnAgentIsSpawnedShownAndKilled) {
  const auto spawned = post("/v1/agents", {{"name", "ada"}, {"cli", "worker"}});
  EXPECT_EQ(spawned.status, 201);
  EXPECT_EQ(from_json<Agent>(spawned.body).value().state, AgentState::idle);
  EXPECT_EQ(from_json<api::AgentView>(get("/v1/agents/ADA").body).value().agent.name, "ada");
  EXPECT_EQ(get("/v1/agents").body.at("agents").as_array().size(), 1U);
  EXPECT_EQ(post("/v1/agents", {{"name", "ada"}}).status, 409);
  EXPECT_EQ(post("/v1/agents", {{"name", "a b"}}).status, 400);
  const auto killed = ask("POST", "/v1/agents/ada/kill");  // an empty body is an empty object
  EXPECT_EQ(killed.status, 200);
  EXPECT_EQ(killed.body.at("state"), "stopped");
}

TEST_F(RoutesTest, UnknownOnesAreProblems) {
  for (const std::string target :
       {"/v1/agents/nobody", "/v1/agents/nobody/inbox", "/v1/agents/nobody/wait",
        "/v1/agents/nobody/output", "/v1/agents/nobody/task", "/v1/tasks/ffff",
        "/v1/tasks/ffff/wait", "/v1/events?scope=agent:nobody", "/v1/events?scope=task:ffff"}) {
    const auto reply = get(target);
    EXPECT_EQ(reply.status, 404) << target;
    EXPECT_EQ(reply.code(), "not_found") << target;
    EXPECT_EQ(net::header(reply.headers, "Content-Type"), "application/problem+json");
  }
  EXPECT_EQ(post("/v1/agents/nobody/tasks", {{"text", "x"}}).status, 404);
  EXPECT_EQ(post("/v1/messages", {{"to", "nobody"}, {"text", "x"}}).status, 404);
}

TEST_F(RoutesTest, ABodyThatIsNoneIsSaidSo) {
  spawn("ada");
  for (const std::string body : {"{", "[]", "7", "\"x\"", "{\"text\":7}", "\xff"}) {
    const auto reply = ask("POST", "/v1/agents/ada/tasks", body);
    EXPECT_EQ(reply.status, 400) << body;
    EXPECT_EQ(reply.code(), "invalid_argument") << body;
  }
  EXPECT_TRUE(ask("POST", "/v1/agents/ada/tasks", "{\"text\":7}").detail().contains("text"));
  EXPECT_EQ(ask("POST", "/v1/agents/ada/tasks", "").status, 400);  // its text is empty
  EXPECT_EQ(post("/v1/agents", {{"name", "x"}, {"permissions", "godlike"}}).status, 400);
  const std::string huge(limits::kText + 1, 'x');
  EXPECT_EQ(post("/v1/agents/ada/tasks", {{"text", huge}}).status, 413);
  EXPECT_EQ(post("/v1/messages", {{"to", huge}, {"text", "x"}}).status, 404);
  EXPECT_LT(post("/v1/messages", {{"to", huge}, {"text", "x"}}).text.size(), 1000U);
}

TEST_F(RoutesTest, TasksArePagedAndFiltered) {
  spawn("ada");
  for (int i = 0; i < 3; ++i) assign("ada", "t" + std::to_string(i));
  const auto first = from_json<api::TaskPage>(get("/v1/tasks?limit=2").body).value();
  ASSERT_EQ(first.tasks.size(), 2U);
  const auto rest = from_json<api::TaskPage>(
                        get("/v1/tasks?limit=2&after=" + std::to_string(first.next.value())).body)
                        .value();
  EXPECT_EQ(rest.tasks.size(), 1U);
  EXPECT_EQ(get("/v1/tasks?state=completed").body.at("tasks").as_array().size(), 0U);
  for (const std::string query : {"limit=x", "limit=-1", "after=1e3", "state=nonsense", "limit="})
    EXPECT_EQ(get("/v1/tasks?" + query).status, 400) << query;
  EXPECT_EQ(get("/v1/tasks?limit=999999999").status, 200);  // as many as a page holds
}

TEST_F(RoutesTest, ATaskIsReportedOfOverTheDoor) {
  spawn("ada");
  const auto task = assign("ada", "paint");
  EXPECT_EQ(post("/v1/tasks/" + task + "/progress", {{"text", "half"}}).body.at("progress"),
            "half");
  EXPECT_EQ(post("/v1/tasks/" + task + "/fail", {{"text", "no"}}).body.at("state"), "failed");
  EXPECT_EQ(post("/v1/tasks/" + task + "/complete", {{"text", "yes"}}).status, 409);
  const auto shown = from_json<api::TaskView>(get("/v1/tasks/" + task).body).value();
  EXPECT_EQ(shown.agent, "ada");
  EXPECT_EQ(shown.task.result, "no");
  EXPECT_EQ(get("/v1/tasks/" + task + "/wait").body.at("state"), "failed");
}

TEST_F(RoutesTest, ARoundsOutputIsShownAsItWasWritten) {
  spawn("ada");
  spawn("bob");
  EXPECT_EQ(get("/v1/agents/ada/output").status, 404);
  assign("ada", "paint");
  ASSERT_TRUE(world_.until([&] { return world_.machine.started() == 1; }));
  world_.machine.out("raw \x1b[1m\n");
  world_.machine.err("oops\n");
  const auto run = world_.machine.run_at().str();
  EXPECT_EQ(get("/v1/agents/ada/output").text, "raw \x1b[1m\n");
  EXPECT_EQ(get("/v1/agents/ada/output?stream=err&run=" + run).text, "oops\n");
  EXPECT_EQ(net::header(get("/v1/agents/ada/output").headers, "Reeve-Run"), run);
  EXPECT_EQ(get("/v1/agents/ada/output?stream=../out").status, 400);
  EXPECT_EQ(get("/v1/agents/ada/output?run=../../etc").status, 400);
  assign("bob", "paint");
  ASSERT_TRUE(world_.until([&] { return world_.machine.started() == 2; }));
  EXPECT_EQ(get("/v1/agents/bob/output?run=" + run).status, 404);  // that run is ada's
}

TEST_F(RoutesTest, ADaemonIsAskedToStop) {
  EXPECT_EQ(post("/v1/daemon/stop", {{"mode", "drain"}}).status, 202);
  EXPECT_EQ(ask("POST", "/v1/daemon/stop").status, 202);
  EXPECT_EQ(post("/v1/daemon/stop", {{"mode", "explode"}}).status, 400);
  EXPECT_EQ(stops_, (std::vector{api::StopMode::drain, api::StopMode::stages}));
}

// --- Who asks
// -------------------------------------------------------------------------------------

TEST_F(RoutesTest, G9_ARepeatedRequestHasOneEffectAndOneAnswer) {
  spawn("ada");
  const net::Headers key{{"idempotency-key", "k1"}};
  const auto first = post("/v1/agents/ada/tasks", {{"text", "paint"}}, key);
  const auto again = post("/v1/agents/ada/tasks", {{"text", "paint"}}, key);
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(first.body.at("id"), again.body.at("id"));
  EXPECT_EQ(world_.count("TaskCreated"), 1U);
  const auto other = post("/v1/agents/ada/tasks", {{"text", "burn"}}, key);
  EXPECT_EQ(other.code(), "conflict");
  EXPECT_EQ(world_.count("TaskCreated"), 1U);
  const net::Headers too_long{{"idempotency-key", std::string(limits::kIdempotencyKey + 1, 'k')}};
  EXPECT_EQ(post("/v1/agents/ada/tasks", {{"text", "x"}}, too_long).status, 400);
}

TEST_F(RoutesTest, G8_ACommandInsideARoundIsItsAgentUntilTheRoundIsOver) {
  spawn("ada");
  const auto task = assign("ada", "paint");
  ASSERT_TRUE(world_.until([&] { return world_.machine.started() == 1; }));
  const auto token = world_.machine.process().spec.env.at("REEVE_TOKEN");
  const net::Headers inside{{"reeve-token", token}};
  const auto sent =
      post("/v1/messages", {{"to", "supervisor"}, {"text", "which?"}, {"type", "query"}}, inside);
  ASSERT_EQ(sent.status, 201);
  EXPECT_EQ(world_.events("MessageSent").back()->origin, "agent:ada");
  EXPECT_EQ(get("/v1/agents/supervisor/inbox").body.at("messages").at(0).at("from"), "ada");

  const net::Headers stale{{"reeve-token", token.substr(0, token.rfind('.')) + ".9"}};
  EXPECT_EQ(post("/v1/tasks/" + task + "/complete", json::object(), stale).code(), "fenced");
  const net::Headers unknown{{"reeve-token", run::round_token(RunId(world_.env.uuid4()), 1)}};
  EXPECT_EQ(post("/v1/tasks/" + task + "/complete", json::object(), unknown).code(), "fenced");
  const net::Headers nonsense{{"reeve-token", "nonsense"}};
  EXPECT_EQ(post("/v1/tasks/" + task + "/complete", json::object(), nonsense).status, 400);

  world_.machine.exit(0);
  ASSERT_TRUE(world_.until_event("RunCompleted"));
  EXPECT_EQ(post("/v1/tasks/" + task + "/complete", {{"text", "late"}}, inside).code(), "fenced");
}

TEST_F(RoutesTest, AStoreThatIsAwayIsNotAFencedRound) {
  spawn("ada");
  assign("ada", "paint");
  ASSERT_TRUE(world_.until([&] { return world_.machine.started() == 1; }));
  const net::Headers inside{{"reeve-token", world_.machine.process().spec.env.at("REEVE_TOKEN")}};
  world_.store.down = true;
  EXPECT_EQ(post("/v1/messages", {{"to", "supervisor"}, {"text", "x"}}, inside).code(),
            "unavailable");
  world_.store.down = false;
}

// --- Webhooks
// -----------------------------------------------------------------------------------------

TEST_F(RoutesTest, WebhooksAreAddedTestedAndRemoved) {
  EXPECT_EQ(post("/v1/webhooks", {{"url", "http://example.org/"}}).code(), "invalid_argument");
  const auto made =
      post("/v1/webhooks", {{"url", "https://example.org/?k=1"}, {"kinds", {"AgentSpawned"}}});
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_TRUE(made.body.at("secret").as_string().starts_with("whsec_"));
  const auto id = std::string(made.body.at("webhook").at("id").as_string());

  const auto list = get("/v1/webhooks");
  EXPECT_EQ(list.body.at(0).at("url"), "https://example.org/?k=1");
  EXPECT_FALSE(list.text.contains("whsec_"));

  const auto path = "/v1/webhooks/" + id.substr(0, 4);
  const auto test = post(path + "/test", json::object());
  EXPECT_EQ(test.body.at("status"), 500);
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(sent_[0].url, "https://example.org/?k=1");

  EXPECT_EQ(get(path + "/dead").body.at("dead"), json::array());
  EXPECT_EQ(post(path + "/dead/retry", json::object()).body.at("number"), 0);
  EXPECT_EQ(post(path + "/dead/discard", {{"ids", {"x"}}}).body.at("number"), 0);
  EXPECT_EQ(post(path + "/enable", json::object()).body.at("state"), "active");
  EXPECT_EQ(post(path + "/remove", json::object()).body.at("state"), "removed");
  EXPECT_EQ(post(path + "/enable", json::object()).code(), "not_found");
  EXPECT_EQ(get(path + "/dead").code(), "not_found");
}

// --- Retention
// ----------------------------------------------------------------------------------------

TEST_F(RoutesTest, G11WhatIsGoneIsInTheSnapshotAndItsCursorsAreToldSo) {
  for (const std::string name : {"ada", "bob", "cyd", "dan"}) spawn(name);
  const auto early = cursor(get("/v1/events?from=beginning&limit=1"));
  const auto before = get("/v1/snapshot");
  EXPECT_EQ(before.body.at("position"), 0);
  EXPECT_EQ(before.body.at("documents"), json::array());
  EXPECT_FALSE(before.body.as_object().contains("next"));

  rest_.ground.retention.max_events = 1;
  rest_.ground.retention.keep_events = 1;
  EXPECT_EQ(get("/v1/retention").body.at("next").at("events"), 3);
  const auto swept = post("/v1/retention/sweep", json::object());
  EXPECT_EQ(swept.body.at("events"), 3) << swept.text;
  EXPECT_EQ(get("/v1/retention").body.at("oldest"), 4);

  const auto expired = get("/v1/events?after=" + early);
  EXPECT_EQ(expired.status, 410);
  EXPECT_EQ(expired.code(), "cursor_expired");
  const auto left = get("/v1/events?from=beginning");
  EXPECT_EQ(kinds(left), (std::vector<std::string>{"AgentSpawned", "LogTruncated"}));
  EXPECT_EQ(kinds(get("/v1/events")), kinds(left));

  // Its pages have every document that the events before it made.
  std::multiset<std::string> names;
  std::string oldest;
  for (std::optional<std::uint64_t> after = 0; after;) {
    const auto reply = get("/v1/snapshot?limit=1&after=" + std::to_string(*after));
    const auto page = from_json<api::SnapshotView>(reply.body).value();
    EXPECT_EQ(page.position.value, 3U);
    oldest = page.cursor;
    for (const auto& doc : page.documents) {
      EXPECT_EQ(doc.kind, "agent");
      names.emplace(doc.body.at("name").as_string());
    }
    EXPECT_LE(page.documents.size(), 1U);
    after = page.next;
    // Retention waits meanwhile: all pages are of one moment.
    if (after) {
      EXPECT_EQ(post("/v1/retention/sweep", json::object()).body.at("events"), 0);
    }
  }
  EXPECT_EQ(names, (std::multiset<std::string>{"ada", "bob", "cyd"}));
  EXPECT_EQ(kinds(get("/v1/events?after=" + oldest)), kinds(left));
  EXPECT_EQ(post("/v1/retention/sweep", json::object()).body.at("events"), 1);
}

TEST_F(RoutesTest, TheLogIsNotSweptFromARound) {
  spawn("ada");
  assign("ada", "paint");
  ASSERT_TRUE(world_.until([&] { return world_.machine.started() == 1; }));
  const net::Headers inside{{"reeve-token", world_.machine.process().spec.env.at("REEVE_TOKEN")}};
  EXPECT_EQ(post("/v1/retention/sweep", json::object(), inside).code(), "denied");
  EXPECT_EQ(ask("GET", "/v1/retention", "", inside).status, 200);
}

}  // namespace
}  // namespace reeve::doors
