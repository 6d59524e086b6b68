#include "doors/tinytown/look.h"

#include <charconv>

namespace reeve::doors::tinytown {
namespace {

/// KEYS: the place and the mark; ARGV: our log, tinytown's prefix, then what is asked.
constexpr const char* kHead = R"lua(
local place = redis.call('HMGET', KEYS[1], 'log', 'nonce', 'position')
if place[1] ~= ARGV[1] or place[3] == '-' or redis.call('GET', KEYS[2]) ~= place[2] then
  return {'emptied'}
end
local prefix, out = ARGV[2], {'seen'}
local function kind(key) return redis.call('TYPE', key).ok end
)lua";

constexpr const char* kAgents = R"lua(
local most = tonumber(ARGV[3])
local function ours(item)
  return string.find(string.sub(item, -48), '^,"reeve":"[%x%-]+"}$') ~= nil
end
local function list(key, expected)
  local there = kind(key)
  if there == 'none' then return '0', {} end
  if there ~= 'list' then return tostring(math.max(expected, 0)), {} end
  if redis.call('LLEN', key) == expected then return tostring(expected), {} end
  local mine, others = 0, {}
  for _, item in ipairs(redis.call('LRANGE', key, 0, 9999)) do
    if ours(item) then
      mine = mine + 1
    elseif #others < most then
      others[#others + 1] = item
    end
  end
  return tostring(mine), others
end
for i = 4, #ARGV, 3 do
  local id = ARGV[i]
  local hash = prefix .. 'agent:' .. id
  local there, f = kind(hash), {}
  if there == 'hash' then
    f = redis.call('HMGET', hash, 'reeve_owner', 'reeve_wrote', 'state', 'last_heartbeat')
  end
  local stop = ''
  if kind(prefix .. 'stop:' .. id) == 'string' then
    stop = redis.call('GET', prefix .. 'stop:' .. id)
  end
  local inbox, others = list(prefix .. 'inbox:' .. id, tonumber(ARGV[i + 1]))
  local urgent, urgent_others = list(prefix .. 'urgent:' .. id, tonumber(ARGV[i + 2]))
  out[#out + 1] = {there, f[1] or '', f[2] or '', f[3] or '', f[4] or '', stop, inbox, urgent,
                   others, urgent_others}
end
return out
)lua";

constexpr const char* kTasks = R"lua(
local all = ARGV[3] == 'all'
for i = 4, #ARGV do
  local key = prefix .. 'task:' .. ARGV[i]
  local there, f = kind(key), {}
  if there == 'hash' then
    f = redis.call('HMGET', key, 'reeve_owner', 'reeve_wrote', 'state', 'assigned_to', 'result')
    for n = 1, 5 do f[n] = f[n] or '' end
  end
  if there == 'none' then
    out[#out + 1] = {ARGV[i], '', '', '', '', ''}
  elseif there == 'hash' and (all or f[1] == '' or f[2] ~= f[3] .. '|' .. f[4]) then
    out[#out + 1] = {ARGV[i], 'there', f[1], f[2], f[3], f[4], f[5]}
  end
end
return out
)lua";

constexpr const char* kDropStop =
    "if redis.call('GET', KEYS[1]) == '1' then return redis.call('DEL', KEYS[1]) end return 0";

constexpr const char* kRemoveTask =
    "if redis.call('HEXISTS', KEYS[1], 'reeve_owner') == 0 then return redis.call('DEL', KEYS[1]) "
    "end return 0";

/// A call of a scan looks at so many keys, of any town.
constexpr const char* kScan = "1000";
constexpr const char* kBacklogEnd = "4999";

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

net::RedisWords Look::call(std::string_view script) const {
  return {"EVAL",        std::string(kHead) + std::string(script),
          "2",           mirror_place_key(town_),
          keys_.mark(),  owner_.str(),
          keys_.prefix()};
}

Async<Result<net::RedisReply>> Look::ask(net::RedisWords words) {
  auto reply = co_await redis_.ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  if (reply->is_error()) co_return fail(net::redis_error(*reply));
  if (reply->elements.size() == 1 && reply->elements[0].text == "emptied")
    co_return fail(Errc::conflict, "tinytown's keys were emptied, or are being written");
  co_return reply;
}

Async<Result<std::vector<AgentSight>>> Look::agents(std::vector<Wanted> wanted) {
  auto words = call(kAgents);
  words.push_back(std::to_string(kLookItems));
  for (const auto& one : wanted) {
    words.push_back(one.id.str());
    words.push_back(length(one.expected, &Listed::inbox));
    words.push_back(length(one.expected, &Listed::urgent));
  }
  const auto reply = co_await ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  if (reply->elements.size() != wanted.size() + 1) co_return no_answer();
  std::vector<AgentSight> sights;
  for (std::size_t i = 1; i < reply->elements.size(); ++i) {
    const auto& f = reply->elements[i].elements;
    if (f.size() != 10) co_return no_answer();
    AgentSight sight;
    sight.keys.there = f[0].text != "none";
    if (f[1].text == owner_.str()) sight.keys.wrote = f[2].text;
    sight.keys.state = f[3].text;
    sight.heartbeat = f[4].text;
    sight.keys.stop = f[5].text == "1";
    sight.listed = {number(f[6].text), number(f[7].text)};
    sight.inbox = texts(f[8]);
    sight.urgent = texts(f[9]);
    sights.push_back(std::move(sight));
  }
  co_return sights;
}

Async<Result<std::vector<TaskSight>>> Look::tasks(std::vector<std::string> ids, bool all) {
  std::vector<TaskSight> sights;
  if (ids.empty()) co_return sights;
  auto words = call(kTasks);
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
  net::RedisWords words{"LRANGE", keys_.backlog(), "0", kBacklogEnd};
  const auto reply = co_await ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  co_return texts(*reply);
}

Async<Result<std::vector<std::string>>> Look::scan(KeyFamily family, std::string& cursor) {
  net::RedisWords words{"SCAN",  cursor,
                        "MATCH", keys_.pattern(family == KeyFamily::agent ? "agent:*" : "task:*"),
                        "COUNT", kScan};
  const auto page = co_await ask(std::move(words));
  if (!page) co_return fail(page.error());
  if (page->elements.size() != 2) co_return no_answer();
  cursor = page->elements[0].text;
  std::vector<std::string> ids;
  for (const auto& key : texts(page->elements[1])) {
    const auto parsed = keys_.parse(key);
    if (parsed && parsed->family == family && parsed->uuid()) ids.push_back(parsed->id);
  }
  co_return ids;
}

Async<Result<Fields>> Look::hash(std::string key) {
  net::RedisWords words{"HGETALL", std::move(key)};
  const auto reply = co_await ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  Fields fields;
  for (std::size_t i = 0; i + 1 < reply->elements.size(); i += 2)
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
  net::RedisWords words{"EVAL", kRemoveTask, "1", keys_.task(task)};
  const auto reply = co_await ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  co_return Status();
}

Async<Status> Look::drop_stop(AgentId agent) {
  net::RedisWords words{"EVAL", kDropStop, "1", keys_.stop(agent)};
  const auto reply = co_await ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  co_return Status();
}

Async<Status> Look::send_away(AgentId agent) {
  net::RedisWords words{"SET", keys_.stop(agent), "reeve", "EX", "60"};
  const auto reply = co_await ask(std::move(words));
  if (!reply) co_return fail(reply.error());
  co_return Status();
}

}  // namespace reeve::doors::tinytown
