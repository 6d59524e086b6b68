#include "doors/tinytown/read_town.h"

#include <algorithm>
#include <set>

#include "base/json.h"
#include "doors/tinytown/keys.h"

namespace reeve::doors::tinytown {
namespace {

using aio::Async;
using net::RedisReply;
using net::RedisWords;

/// Rows of one call.
constexpr std::size_t kRows = 500;

class Reading {
 public:
  Reading(net::RedisConnection& redis, std::string name, Moment now)
      : redis_(redis), keys_(name), now_(now) {
    town_.name = std::move(name);
  }

  Async<Result<TtTown>> run() {
    auto own = co_await scan(keys_.pattern("*"));
    if (!own) co_return fail(own.error());
    for (const auto& key : *own) {
      const auto known = keys_.parse(key);
      if (!known) continue;
      if (auto read = co_await take(key, *known); !read) co_return fail(read.error());
    }
    if (auto read = co_await take_old(); !read) co_return fail(read.error());
    co_return std::move(town_);
  }

 private:
  /// Each once, sorted.
  Async<Result<std::set<std::string>>> scan(std::string pattern) {
    std::set<std::string> found;
    for (std::string cursor = "0";;) {
      RedisWords words{"SCAN", cursor, "MATCH", pattern, "COUNT", std::to_string(kRows)};
      auto reply = co_await ask(std::move(words));
      if (!reply) co_return fail(reply.error());
      if (reply->elements.size() != 2)
        co_return fail(Errc::corrupt, "what Redis answered to SCAN is not understood");
      for (const auto& key : reply->elements[1].elements) found.insert(key.text);
      cursor = reply->elements[0].text;
      if (cursor == "0") co_return found;
    }
  }

  /// "tt:agent:ID" and its like, which have no town in them.
  Async<Status> take_old() {
    const Keys old("?");  // never the name of a town: what stands behind its prefix is parsed
    std::size_t found = 0;
    for (const char* family : {"agent", "inbox", "urgent", "task", "backlog"}) {
      auto keys = co_await scan("tt:" + std::string(family) + "*");
      if (!keys) co_return fail(keys.error());
      for (const auto& key : *keys) {
        // Exactly two or three parts: a town may be called "agent".
        const auto parts = 1 + std::ranges::count(key, ':');
        const auto known = old.parse(old.prefix() + key.substr(std::string_view("tt:").size()));
        if (!known || parts != (known->family == KeyFamily::backlog ? 2 : 3)) continue;
        if (auto read = co_await take(key, *known); !read) co_return read;
        ++found;
      }
    }
    if (found > 0) {
      note(std::to_string(found) +
           " keys of an old layout without a town's name were taken over, too");
    }
    co_return Status();
  }

  Async<Status> take(std::string key, TtKey known) {
    switch (known.family) {
      case KeyFamily::agent: return take_agent(std::move(key));
      case KeyFamily::task: return take_task(std::move(key));
      case KeyFamily::inbox: return take_list(std::move(key), std::move(known), false);
      case KeyFamily::urgent: return take_list(std::move(key), std::move(known), true);
      case KeyFamily::backlog: return take_backlog(std::move(key));
      case KeyFamily::events: return take_events(std::move(key));
      case KeyFamily::mission: ++town_.missions; return nothing();
      default: return nothing();
    }
  }
  static Async<Status> nothing() { co_return Status(); }

  Async<Status> take_agent(std::string key) {
    auto fields = co_await hash(key);
    if (!fields) co_return fail(fields.error());
    if (fields->empty()) co_return Status();
    auto agent = decode_agent(*fields, now_);
    if (agent)
      town_.agents.push_back(std::move(*agent));
    else
      note(key + " is no agent: " + agent.error().message());
    co_return Status();
  }

  Async<Status> take_task(std::string key) {
    auto fields = co_await hash(key);
    if (!fields) co_return fail(fields.error());
    if (fields->empty()) co_return Status();
    auto task = decode_task(*fields, now_);
    if (task)
      town_.tasks.push_back(std::move(*task));
    else
      note(key + " is no task: " + task.error().message());
    co_return Status();
  }

  Async<Status> take_list(std::string key, TtKey known, bool urgent) {
    const auto whose = known.uuid();
    if (!whose) {
      note(key + " is nobody's inbox");
      co_return Status();
    }
    auto& list = (urgent ? town_.urgent : town_.inbox)[AgentId(*whose)];
    co_return co_await read_list(std::move(key), list);
  }

  Async<Status> take_backlog(std::string key) {
    co_return co_await read_list(std::move(key), town_.backlog);
  }

  Async<Status> read_list(std::string key, std::vector<std::string>& into) {
    for (std::size_t at = 0;; at += kRows) {
      RedisWords words{"LRANGE", key, std::to_string(at), std::to_string(at + kRows - 1)};
      auto reply = co_await redis_.ask(std::move(words));
      if (!reply && reply.error().is(Errc::corrupt)) reply = RedisReply{};
      if (!reply) co_return fail(reply.error());
      if (!reply->is(RedisReply::Kind::array)) {
        note(key + " is no list");
        co_return Status();
      }
      for (auto& item : reply->elements) into.push_back(std::move(item.text));
      if (reply->elements.size() < kRows) co_return Status();
    }
  }

  Async<Status> take_events(std::string key) {
    for (std::string from = "-";;) {
      RedisWords words{"XRANGE", key, from, "+", "COUNT", std::to_string(kRows)};
      auto reply = co_await redis_.ask(std::move(words));
      if (!reply && reply.error().is(Errc::corrupt)) reply = RedisReply{};
      if (!reply) co_return fail(reply.error());
      if (!reply->is(RedisReply::Kind::array)) {
        note(key + " is no stream");
        co_return Status();
      }
      for (const auto& entry : reply->elements) {
        if (entry.elements.size() != 2) continue;
        from = "(" + entry.elements[0].text;
        add_event(entry.elements[0].text, entry.elements[1].elements);
      }
      if (reply->elements.size() < kRows) co_return Status();
    }
  }

  void add_event(const std::string& id, const std::vector<RedisReply>& fields) {
    std::string data;
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
      if (fields[i].text == kEchoField) return;  // we wrote it
      if (fields[i].text == "data") data = fields[i + 1].text;
    }
    town_.events.emplace_back(id, std::move(data));
  }

  /// A hash, or an old one's JSON. Empty: neither, and noted.
  Async<Result<Fields>> hash(std::string key) {
    RedisWords words{"TYPE", key};
    auto type = co_await ask(std::move(words));
    if (!type) co_return fail(type.error());
    Fields fields;
    if (type->text == "hash") {
      words = {"HGETALL", key};
      auto reply = co_await ask(std::move(words));
      if (!reply) co_return fail(reply.error());
      for (std::size_t i = 0; i + 1 < reply->elements.size(); i += 2)
        fields.emplace_back(reply->elements[i].text, reply->elements[i + 1].text);
      co_return fields;
    }
    if (type->text == "string") {
      words = {"GET", key};
      auto reply = co_await ask(std::move(words));
      if (!reply) co_return fail(reply.error());
      auto read = fields_of_json(reply->text);
      if (read) co_return std::move(*read);
      note(key + " cannot be read: " + read.error().message());
      co_return fields;
    }
    if (type->text != "none") note(key + " is a " + type->text + ", and no hash");
    co_return fields;
  }

  Async<Result<RedisReply>> ask(RedisWords words) {
    auto reply = co_await redis_.ask(std::move(words));
    if (reply && reply->is_error()) co_return fail(net::redis_error(*reply));
    co_return reply;
  }

  void note(std::string text) { town_.notes.push_back(std::move(text)); }

  net::RedisConnection& redis_;
  Keys keys_;
  Moment now_;
  TtTown town_;
};

}  // namespace

Async<Result<TtTown>> read_town(net::RedisConnection& redis, std::string town, Moment now) {
  Reading reading(redis, std::move(town), now);
  co_return co_await reading.run();
}

Result<Fields> fields_of_json(std::string_view text) {
  auto value = parse_json(text);
  if (!value) return fail(value.error());
  const auto* object = value->if_object();
  if (object == nullptr) return fail(Errc::invalid_argument, "no JSON object");
  Fields fields;
  for (const auto& member : *object) {
    if (member.value().is_null()) continue;
    const auto* string = member.value().if_string();
    fields.emplace_back(member.key(),
                        string != nullptr ? std::string(*string) : write_json(member.value()));
  }
  return fields;
}

}  // namespace reeve::doors::tinytown
