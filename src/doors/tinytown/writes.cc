#include "doors/tinytown/writes.h"

#include "doors/tinytown/forms_of.h"

namespace reeve::doors::tinytown {
namespace {

constexpr const char* kTownEvents = "1000";
constexpr const char* kAgentEvents = "100";
constexpr const char* kMissionEvents = "500";
/// tt asks only whether the flag is there. This value tells ours from one that tt has set.
constexpr const char* kStopValue = "reeve";
constexpr const char* kStopSeconds = "3600";

constexpr std::string_view kWriteScript = R"lua(
local place = redis.call('HMGET', KEYS[1], 'log', 'position', 'nonce')
if place[1] ~= ARGV[1] or place[2] ~= ARGV[2] or place[3] ~= ARGV[3] then return {'moved'} end
if redis.call('GET', KEYS[2]) ~= ARGV[3] then return {'emptied'} end
local prefix = ARGV[5]

local kinds = {hash = 'hash', heartbeat = 'hash', messages = 'list', change = 'list', backlog = 'list',
               activity = 'list', stop = 'string', event = 'stream'}
local ops, notes, at = {}, {'done'}, 7
while at <= #ARGV do
  local op, n = {ARGV[at]}, tonumber(ARGV[at + 1])
  for i = 1, n do op[i + 1] = ARGV[at + 1 + i] end
  at = at + 2 + n
  local kind = kinds[op[1]]
  local there = kind and redis.call('TYPE', op[2]).ok or 'none'
  if there == 'none' or there == kind then
    ops[#ops + 1] = op
  else
    notes[#notes + 1] = 'type'
    notes[#notes + 1] = op[2]
  end
end

local function note(what, key)
  notes[#notes + 1] = what
  notes[#notes + 1] = key
end

local function guard_of(key, names)
  local values = redis.call('HMGET', key, unpack(names))
  for i = 1, #names do values[i] = values[i] or '' end
  return table.concat(values, '|')
end

local function push(key, items, first)
  for i = first, #items, 1000 do
    redis.call('RPUSH', key, unpack(items, i, math.min(i + 999, #items)))
  end
end

-- What is ours in the list becomes `wanted`; the rest stays where it is.
local function make_list(key, wanted, is_ours)
  local there = redis.call('LRANGE', key, 0, -1)
  local want = {}
  for _, item in ipairs(wanted) do want[item] = true end
  local left, dropped, others = {}, {}, 0
  for _, item in ipairs(there) do
    if not is_ours(item) then
      others = others + 1
    elseif want[item] then
      left[#left + 1] = item
    else
      dropped[#dropped + 1] = item
    end
  end
  local fits = #left <= #wanted and #dropped <= 16
  for i = 1, #left do fits = fits and left[i] == wanted[i] end
  if fits then
    for _, item in ipairs(dropped) do redis.call('LREM', key, 1, item) end
    push(key, wanted, #left + 1)
    return
  end
  local all, put = {}, false
  local function put_ours()
    if put then return end
    put = true
    for _, item in ipairs(wanted) do all[#all + 1] = item end
  end
  for _, item in ipairs(there) do
    if is_ours(item) then put_ours() else all[#all + 1] = item end
  end
  put_ours()
  redis.call('DEL', key)
  push(key, all, 1)
end

local function our_message(item)
  return string.find(string.sub(item, -48), '^,"reeve":"[%x%-]+"}$') ~= nil
end
local function our_task(id)
  local key = prefix .. 'task:' .. id
  return redis.call('TYPE', key).ok == 'hash' and redis.call('HEXISTS', key, 'reeve_owner') == 1
end

local acts = {}
function acts.hash(op)
  local key, how, wrote = op[2], op[3], op[4]
  local at, names = 6, {}
  local guarded = {}
  for i = 1, tonumber(op[5]) do
    names[i] = op[at]
    guarded[op[at]] = true
    at = at + 1
  end
  local before = redis.call('HGET', key, 'reeve_wrote')
  local keep = false
  if how == 'keep' and before then
    local now = guard_of(key, names)
    keep = now ~= before and now ~= wrote
  end
  local cleared, set = {}, {}
  local last = at + tonumber(op[at])
  for i = at + 1, last do
    if not (keep and guarded[op[i]]) then cleared[#cleared + 1] = op[i] end
  end
  for i = last + 1, #op, 2 do
    if not (keep and guarded[op[i]]) then
      set[#set + 1] = op[i]
      set[#set + 1] = op[i + 1]
    end
  end
  if not keep then
    set[#set + 1] = 'reeve_wrote'
    set[#set + 1] = wrote
  end
  if #cleared > 0 then redis.call('HDEL', key, unpack(cleared)) end
  redis.call('HSET', key, unpack(set))
  if keep then note('changed', key) end
end
function acts.heartbeat(op)
  local key = op[2]
  if redis.call('HEXISTS', key, 'reeve_owner') == 0 then return note('gone', key) end
  redis.call('HSET', key, 'last_heartbeat', op[3])
  if guard_of(key, {'state'}) ~= redis.call('HGET', key, 'reeve_wrote') then note('changed', key) end
end
function acts.messages(op)
  make_list(op[2], {unpack(op, 3)}, our_message)
end
function acts.change(op)
  local gone = tonumber(op[3])
  for i = 4, 3 + gone do redis.call('LREM', op[2], 1, op[i]) end
  push(op[2], op, 4 + gone)
end
function acts.backlog(op)
  make_list(op[2], {unpack(op, 3)}, our_task)
end
function acts.remove(op)
  redis.call('DEL', unpack(op, 2))
end
function acts.activity(op)
  redis.call('LPUSH', op[2], op[3])
  redis.call('LTRIM', op[2], 0, 9)
  redis.call('EXPIRE', op[2], 3600)
end
function acts.stop(op)
  redis.call('SET', op[2], op[3], 'EX', op[4])
end
function acts.publish(op)
  redis.call('PUBLISH', op[2], op[3])
end
function acts.event(op)
  redis.call('XADD', op[2], 'MAXLEN', '~', op[3], '*', 'event_type', op[4], 'data', op[5],
             'reeve', op[6])
end
for _, op in ipairs(ops) do acts[op[1]](op) end
redis.call('HSET', KEYS[1], 'position', ARGV[4], 'by', ARGV[6], 'seen', redis.call('TIME')[1])
return notes
)lua";

constexpr std::string_view kBeginScript = R"lua(
local place = redis.call('HMGET', KEYS[1], 'log', 'nonce')
if (place[1] or '') ~= ARGV[1] or (place[2] or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'log', ARGV[3], 'nonce', ARGV[4], 'position', '-', 'by', ARGV[5],
           'seen', redis.call('TIME')[1])
redis.call('SET', KEYS[2], ARGV[4])
return 1
)lua";

std::unexpected<Error> no_answer() {
  return fail(Errc::corrupt, "Redis answered the mirror's script with something else");
}

}  // namespace

std::string position_text(const std::optional<Position>& position) {
  return position ? std::to_string(position->value) : "-";
}

void Writes::add(std::string word) {
  bytes_ += word.size();
  words_.push_back(std::move(word));
}

void Writes::begin(const char* what, std::size_t arguments) {
  ++count_;
  add(what);
  add(std::to_string(arguments));
}

void Writes::clear() {
  words_.clear();
  count_ = bytes_ = 0;
}

void Writes::hash(std::string key, const HashForm& form, const std::vector<std::string>& guard,
                  const std::string& wrote, Guard how) {
  begin("hash", 5 + guard.size() + form.cleared.size() + 2 * form.set.size());
  add(std::move(key));
  add(how == Guard::keep ? "keep" : "over");
  add(wrote);
  add(std::to_string(guard.size()));
  for (const auto& name : guard) add(name);
  add(std::to_string(form.cleared.size()));
  for (const auto& name : form.cleared) add(name);
  for (const auto& [name, value] : form.set) {
    add(name);
    add(value);
  }
}

void Writes::heartbeat(const AgentId& agent, const std::string& moment) {
  begin("heartbeat", 2);
  add(keys_.agent(agent));
  add(moment);
}

void Writes::remove(std::vector<std::string> keys) {
  begin("remove", keys.size());
  for (auto& key : keys) add(std::move(key));
}

void Writes::messages(std::string key, const std::vector<std::string>& items) {
  begin("messages", 1 + items.size());
  add(std::move(key));
  for (const auto& item : items) add(item);
}

void Writes::change_messages(std::string key, const std::vector<std::string>& gone,
                             const std::vector<std::string>& added) {
  begin("change", 2 + gone.size() + added.size());
  add(std::move(key));
  add(std::to_string(gone.size()));
  for (const auto& item : gone) add(item);
  for (const auto& item : added) add(item);
}

void Writes::backlog(const std::vector<std::string>& ids) {
  begin("backlog", 1 + ids.size());
  add(keys_.backlog());
  for (const auto& id : ids) add(id);
}

void Writes::activity(const AgentId& agent, std::string text) {
  begin("activity", 2);
  add(keys_.activity(agent));
  add(std::move(text));
}

void Writes::stop(const AgentId& agent) {
  begin("stop", 3);
  add(keys_.stop(agent));
  add(kStopValue);
  add(kStopSeconds);
}

void Writes::publish(std::string text) {
  begin("publish", 2);
  add(keys_.broadcast());
  add(std::move(text));
}

void Writes::add_event(std::string key, const char* most, const std::string& type,
                       const std::string& data, const std::string& echo) {
  begin("event", 5);
  add(std::move(key));
  add(most);
  add(type);
  add(data);
  add(echo);
}

void Writes::event(const TtEvent& event, const std::string& echo) {
  const std::string type(enum_name(event.type));
  const auto data = encode(event);
  add_event(keys_.events(), kTownEvents, type, data, echo);
  for (const auto& agent : readers_of(event))
    add_event(keys_.agent_events(agent), kAgentEvents, type, data, echo);
  if (event.mission)
    add_event(keys_.mission_events(event.mission->str()), kMissionEvents, type, data, echo);
}

std::string_view write_script() { return kWriteScript; }
std::string_view begin_script() { return kBeginScript; }

Result<WriteReply> read_write_reply(const net::RedisReply& reply) {
  using Kind = net::RedisReply::Kind;
  if (reply.is_error()) return fail(net::redis_error(reply));
  if (!reply.is(Kind::array) || reply.elements.empty()) return no_answer();
  WriteReply out;
  const auto& word = reply.elements[0].text;
  if (word == "moved") {
    out.outcome = WriteReply::Outcome::moved;
  } else if (word == "emptied") {
    out.outcome = WriteReply::Outcome::emptied;
  } else if (word != "done") {
    return no_answer();
  }
  for (std::size_t i = 1; i + 1 < reply.elements.size(); i += 2) {
    const auto& what = reply.elements[i].text;
    auto& list = what == "changed" ? out.changed : what == "gone" ? out.gone : out.wrong_type;
    list.push_back(reply.elements[i + 1].text);
  }
  return out;
}

net::RedisWords write_call(std::string_view verb, std::string script, const Keys& keys,
                           std::string_view town, const Place& expected,
                           const std::optional<Position>& position, const std::string& by,
                           const Writes& writes) {
  net::RedisWords words{std::string(verb),
                        std::move(script),
                        "2",
                        mirror_place_key(town),
                        keys.mark(),
                        expected.log.str(),
                        position_text(expected.position),
                        expected.nonce,
                        position_text(position),
                        keys.prefix(),
                        by};
  words.insert(words.end(), writes.words().begin(), writes.words().end());
  return words;
}

}  // namespace reeve::doors::tinytown
