#include "doors/tinytown/look.h"

#include <charconv>

#include "doors/tinytown/scripts.h"
#include "doors/tinytown/writes.h"

namespace reeve::doors::tinytown {
namespace {

/// A call of a scan looks at so many keys, of any town.
constexpr const char* kScan = "1000";
/// Of one list, of items that are not ours: they are as long as whoever sent them likes.
constexpr const char* kListBytes = "16777216";

std::unexpected<Error> no_answer() {
  return fail(Errc::corrupt, "Redis answered a look at tinytown's keys with something else");
}

std::size_t number(const std::string& text) {
  std::size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::vector<std::string> texts(const net::RedisReply& reply) {
  std::vector<std::string> out;
  for (const auto& element : reply.elements) out.push_back(element.text);
  return out;
}

std::string length(const std::optional<Listed>& expected, std::size_t Listed::* which) {
  return expected ? std::to_string((*expected).*which) : "-1";
}

}  // namespace

net::RedisWords Look::call(std::string script) const {
  const auto known = known_();
  return {"EVAL",
          std::move(script),
          "2",
          mirror_place_key(town_),
          keys_.mark(),
          owner_.str(),
          keys_.prefix(),
          known.nonce,
          std::to_string(known.position.value_or(Position()).value)};
}

Async<Result<net::RedisReply>> Look::ask(net::RedisWords words) {
  auto reply = co_await redis_.ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  if (reply->is_error()) co_return fail(net::redis_error(*reply));
  const auto& word = reply->elements.size() == 1 ? reply->elements[0].text : "";
  if (word == "emptied")
    co_return fail(Errc::conflict, "tinytown's keys were emptied, or are being written");
  if (word == "older")
    co_return fail(Errc::conflict, "what stands in tinytown's keys is older than what was written");
  co_return reply;
}

Async<Result<std::vector<AgentSight>>> Look::agents(std::vector<Wanted> wanted) {
  auto words = call(lua_of({"look", "ours", "look_agents"}));
  words.push_back(std::to_string(kLookItems));
  words.emplace_back(kListBytes);
  for (const auto& one : wanted) {
    words.push_back(one.id.str());
    for (const auto which : {&Listed::inbox, &Listed::urgent}) {
      words.push_back(length(one.ours, which));
      words.push_back(length(one.ours ? one.length : std::nullopt, which));
    }
  }
  const auto reply = co_await ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  if (reply->elements.size() != wanted.size() + 1) co_return no_answer();
  std::vector<AgentSight> sights;
  for (std::size_t i = 1; i < reply->elements.size(); ++i) {
    const auto& f = reply->elements[i].elements;
    if (f.size() != 13) co_return no_answer();
    AgentSight sight;
    sight.keys.there = f[0].text != "none";
    const auto& saw = f[5].text;
    if (f[1].text == owner_.str())
      sight.keys.wrote = saw.starts_with(life_ + "|") ? saw.substr(life_.size() + 1) : f[2].text;
    sight.keys.state = f[3].text;
    sight.heartbeat = f[4].text;
    sight.keys.stop = f[6].text == "1";
    sight.flag = !f[6].text.empty();
    sight.listed = {number(f[7].text), number(f[8].text)};
    sight.others = {number(f[9].text), number(f[10].text)};
    sight.inbox = texts(f[11]);
    sight.urgent = texts(f[12]);
    sights.push_back(std::move(sight));
  }
  co_return sights;
}

Async<Result<std::vector<TaskSight>>> Look::tasks(std::vector<std::string> ids, bool all) {
  std::vector<TaskSight> sights;
  if (ids.empty()) co_return sights;
  auto words = call(lua_of({"look", "look_tasks"}));
  words.emplace_back(all ? "all" : "changed");
  for (auto& id : ids) words.push_back(std::move(id));
  const auto reply = co_await ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  for (std::size_t i = 1; i < reply->elements.size(); ++i) {
    const auto& f = reply->elements[i].elements;
    if (f.size() < 6) co_return no_answer();
    TaskSight sight;
    sight.id = f[0].text;
    sight.keys.there = f.size() == 7;
    if (sight.keys.there) {
      sight.keys.ours = f[2].text == owner_.str();
      sight.keys.wrote = f[3].text;
      sight.keys.state = f[4].text;
      sight.keys.assigned_to = f[5].text;
      sight.keys.result = f[6].text;
    }
    sights.push_back(std::move(sight));
  }
  co_return sights;
}

Async<Result<std::vector<std::string>>> Look::backlog() {
  auto words = call(lua_of({"look", "look_backlog"}));
  words.push_back(std::to_string(kLookBacklog));
  const auto reply = co_await ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  auto ids = texts(*reply);
  if (ids.empty()) co_return no_answer();
  ids.erase(ids.begin());
  co_return ids;
}

Async<Result<std::vector<std::string>>> Look::scan(KeyFamily family, std::string& cursor) {
  auto words = call(lua_of({"look", "look_scan"}));
  words.push_back(cursor);
  words.push_back(keys_.pattern(family == KeyFamily::agent ? "agent:*" : "task:*"));
  words.emplace_back(kScan);
  const auto page = co_await ask(std::move(words));
  if (!page) co_return fail(page.error());
  if (page->elements.size() != 3) co_return no_answer();
  cursor = page->elements[1].text;
  std::vector<std::string> ids;
  for (const auto& key : texts(page->elements[2])) {
    const auto parsed = keys_.parse(key);
    if (parsed && parsed->family == family && parsed->uuid()) ids.push_back(parsed->id);
  }
  co_return ids;
}

Async<Result<Fields>> Look::hash(std::string key) {
  auto words = call(lua_of({"look", "look_hash"}));
  words.push_back(std::move(key));
  const auto reply = co_await ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  Fields fields;
  for (std::size_t i = 1; i + 1 < reply->elements.size(); i += 2)
    fields.emplace_back(reply->elements[i].text, reply->elements[i + 1].text);
  co_return fields;
}

Async<Status> Look::drop(std::string key, std::string item) {
  net::RedisWords words{"LREM", std::move(key), "1", std::move(item)};
  const auto reply = co_await ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  co_return Status();
}

Async<Status> Look::remove_task(TaskId task) {
  net::RedisWords words{"EVAL", std::string(lua_file("remove_task")), "1", keys_.task(task)};
  const auto reply = co_await ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  co_return Status();
}

Async<Result<bool>> Look::note_seen(AgentId agent, std::string state) {
  auto noted = life_ + "|" + state;
  net::RedisWords words{"EVAL",
                        std::string(lua_file("note_seen")),
                        "1",
                        keys_.agent(agent),
                        owner_.str(),
                        std::move(state),
                        std::move(noted)};
  const auto reply = co_await ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  co_return reply->integer == 1;
}

Async<Status> Look::drop_stop(AgentId agent) {
  net::RedisWords words{"EVAL", std::string(lua_file("drop_stop")), "1", keys_.stop(agent)};
  const auto reply = co_await ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  co_return Status();
}

Async<Status> Look::send_away(AgentId agent) {
  net::RedisWords words{"SET", keys_.stop(agent), kStopValue, "EX", "60"};
  const auto reply = co_await ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  co_return Status();
}

}  // namespace reeve::doors::tinytown
