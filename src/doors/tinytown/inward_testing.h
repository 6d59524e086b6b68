#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "doors/tinytown/inward.h"
#include "doors/tinytown/mirror_testing.h"
#include "town/backlog.h"

/// A town, a real redis-server, both directions between them, and tt's commands as they were
/// recorded. Not part of the library.
namespace reeve::doors::tinytown::testing {

using town::Caller;

class InwardTest : public MirrorTest {
 protected:
  void TearDown() override {
    end();
    MirrorTest::TearDown();
  }
  void begin(Inward::Options options = {}) {
    make_mirror(server_->address());
    inward_ = std::make_unique<Inward>(ground_, world_.loop.get_executor(), *mirror_,
                                       server_->address(), options);
    mirror_->start();
    inward_->start();
    follow();
    look();
  }
  void end() {
    if (inward_) world_.await(inward_->close());
    inward_.reset();
    stop();
  }
  /// What tt did has been seen, done, and is shown.
  void look() {
    ASSERT_TRUE(world_.await(inward_->looked()));
    follow();
  }
  /// Until the town has done it, and nothing more.
  void step_until(std::string_view kind) {
    const auto before = world_.count(kind);
    in_loop([this] { inward_->wake(); });
    for (int i = 0; i < 10'000 && world_.count(kind) == before; ++i) {
      world_.loop.restart();
      world_.loop.run_one_for(std::chrono::milliseconds(1));
    }
    ASSERT_GT(world_.count(kind), before) << kind;
  }
  void pass(std::chrono::nanoseconds time) {
    advance(time);
    look();
  }
  Agent now(const Agent& agent) { return world_.get<Agent>(agent.id); }
  reeve::Task now(const TaskId& task) { return world_.get<reeve::Task>(task); }
  std::string state_there(const Agent& agent) { return hash(keys_.agent(agent.id))["state"]; }
  std::string origin_of(std::string_view kind) {
    const auto events = world_.events(kind);
    return events.empty() ? "" : events.back()->origin;
  }

  // --- tt's commands

  /// Most verbs read the whole hash and write all of it.
  void rewrite(const std::string& key, std::map<std::string, std::string> changes) {
    auto fields = hash(key);
    fields.erase(std::string(kOwnerField));
    fields.erase(std::string(kWroteField));
    fields.erase("reeve_saw");
    RedisWords words{"HSET", key};
    for (auto& [name, value] : changes) fields[name] = value;
    for (const auto& [name, value] : fields) {
      words.push_back(name);
      words.push_back(value);
    }
    ask(words);
  }
  void tt_state(const Agent& agent, const std::string& state) {
    rewrite(keys_.agent(agent.id), {{"state", state}});
  }
  void tt_kill(const Agent& agent) {
    ask({"SETEX", keys_.stop(agent.id), "3600", "1"});
    tt_state(agent, "stopped");
  }
  /// But for the loop that it begins.
  void tt_restart(const Agent& agent) {
    rewrite(keys_.agent(agent.id), {{"state", "idle"}, {"rounds_completed", "0"}});
    ask({"DEL", keys_.stop(agent.id)});
  }
  void tt_complete(const TaskId& task, const std::string& result) {
    rewrite(keys_.task(task), {{"state", "completed"},
                               {"result", result},
                               {"completed_at", "2026-11-21T09:53:47.123456789+00:00"}});
  }
  TtMessage letter(AgentId to, MessageType type, const std::string& text) {
    TtMessage message;
    message.id = MessageId(world_.env.uuid4());
    message.from = supervisor_id();
    message.to = to;
    message.type = type;
    message.text = text;
    message.created_at = moment_of(world_.env.now());
    return message;
  }
  TtMessage tt_send(AgentId to, MessageType type, const std::string& text, bool urgent = false) {
    auto message = letter(to, type, text);
    if (urgent) {
      ask({"LPUSH", keys_.urgent(to), encode(message)});
    } else {
      ask({"RPUSH", keys_.inbox(to), encode(message)});
    }
    return message;
  }
  TaskId tt_task(const std::string& text, const std::string& state, const std::string& to = "",
                 const std::string& tags = "[]") {
    const TaskId id(world_.env.uuid4());
    RedisWords words{"HMSET",  keys_.task(id), "id",
                     id.str(), "description",  text,
                     "state",  state,          "tags",
                     tags,     "created_at",   "2026-11-21T09:53:39.425338231+00:00"};
    if (!to.empty()) words.insert(words.end(), {"assigned_to", to});
    ask(words);
    return id;
  }
  void tt_send_task(AgentId to, const TaskId& task) {
    auto message = letter(to, MessageType::task_assign, "");
    message.task_id = task.str();
    ask({"RPUSH", keys_.inbox(to), encode(message)});
  }
  TaskId tt_backlog_add(const std::string& text) {
    const auto id = tt_task(text, "pending", "", R"(["api"])");
    ask({"RPUSH", keys_.backlog(), id.str()});
    return id;
  }
  TaskId add_to_backlog(const std::string& text) {
    api::AssignRequest request;
    request.text = text;
    return world_.await(town::add_task(ground_, Caller{}, std::move(request))).value().id;
  }
  std::vector<std::string> pending() {
    std::vector<std::string> texts;
    for (const auto& one : world_.await(town::list_backlog(ground_, 0, 100)).value().tasks)
      texts.push_back(one.task.text);
    return texts;
  }

  std::unique_ptr<Inward> inward_;
};

}  // namespace reeve::doors::tinytown::testing
