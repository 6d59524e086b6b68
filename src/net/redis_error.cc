#include "net/redis_error.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace reeve::net {
namespace {

struct Meaning {
  std::string_view word;
  Errc code;
  bool condition;
  bool passes;
  std::string_view advice;
};

constexpr std::array kMeanings{
    Meaning{"NOAUTH", Errc::denied, true, false, "give its address a password"},
    Meaning{"WRONGPASS", Errc::denied, true, false, "look at the user name and password"},
    Meaning{"NOPERM", Errc::denied, true, false, "give its user the right to (ACL SETUSER)"},
    Meaning{"DENIED", Errc::denied, true, false,
            "it is in protected mode: give it a password, or ask it on this machine"},
    Meaning{"OOM", Errc::storage_full, true, false, "raise its maxmemory, or make room"},
    Meaning{"MISCONF", Errc::storage_full, true, false,
            "it cannot write to its disk: make room there, look at its log"},
    Meaning{"READONLY", Errc::read_only, true, false, "it is a replica: ask its master"},
    Meaning{"NOREPLICAS", Errc::unavailable, true, false,
            "too few of its replicas are there (min-replicas-to-write)"},
    Meaning{"CLUSTERDOWN", Errc::unavailable, true, true, "a part of its cluster is away"},
    Meaning{"MASTERDOWN", Errc::unavailable, true, false, "its master is away"},
    Meaning{"LOADING", Errc::unavailable, true, true, "it is reading its data from disk"},
    Meaning{"BUSY", Errc::unavailable, true, true, "a script keeps it busy"},
    Meaning{"TRYAGAIN", Errc::unavailable, true, true,
            "its cluster is just moving these keys to another node"},
    Meaning{"MOVED", Errc::unsupported, false, false,
            "this is a cluster: add ?cluster=true to its address"},
    Meaning{"ASK", Errc::unsupported, false, false,
            "this is a cluster: add ?cluster=true to its address"},
    Meaning{"WRONGTYPE", Errc::corrupt, false, false,
            "a key holds what somebody else put there: look at it with redis-cli"},
};

constexpr std::string_view kTooManyClients = "ERR max number of clients";
/// What NOPERM is within a script: before Redis 7.2 without that word.
constexpr std::string_view kScriptMayNot = "ERR The user executing the script can't";

const Meaning* meaning_of(const RedisReply& reply) {
  if (!reply.is_error()) return nullptr;
  const auto* const found = std::ranges::find(kMeanings, reply.word(), &Meaning::word);
  return found == kMeanings.end() ? nullptr : found;
}

}  // namespace

Error redis_error(const RedisReply& reply) {
  const auto said = "Redis says \"" + reply.text + "\"";
  if (const auto* meaning = meaning_of(reply))
    return {meaning->code, said + ": " + std::string(meaning->advice)};
  if (reply.text.starts_with(kTooManyClients))
    return {Errc::unavailable, said + ": raise its maxclients, or close others"};
  if (reply.text.starts_with(kScriptMayNot))
    return {Errc::denied, said + ": give its user the right to (ACL SETUSER)"};
  if (reply.text.starts_with("ERR unknown command"))
    return {Errc::unsupported, said + ": Redis 7.0 or newer is needed"};
  if (reply.text.starts_with("ERR DB index")) {
    return {Errc::invalid_argument, said +
                                        ": look at the number in its address, and at the "
                                        "setting databases"};
  }
  return {Errc::internal, said};
}

bool is_condition(const RedisReply& reply) {
  const auto* const meaning = meaning_of(reply);
  if (meaning != nullptr) return meaning->condition;
  return reply.is_error() && reply.text.starts_with(kTooManyClients);
}

bool passes(const RedisReply& reply) {
  const auto* const meaning = meaning_of(reply);
  return meaning != nullptr && meaning->passes;
}

/// "MOVED 3999 127.0.0.1:6381"; the host may be empty, or an IPv6 address without brackets.
std::optional<RedisRedirect> redirect_of(const RedisReply& reply) {
  const auto word = reply.word();
  if (word != "MOVED" && word != "ASK") return std::nullopt;
  const std::string_view text = reply.text;
  const auto space = text.rfind(' ');
  const auto colon = text.rfind(':');
  if (space < word.size() + 1 || colon == text.npos || colon < space) return std::nullopt;
  RedisRedirect out{.for_good = word == "MOVED",
                    .host = std::string(text.substr(space + 1, colon - space - 1))};
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + colon + 1, end, out.port);
  if (read.ec != std::errc() || read.ptr != end || out.port == 0) return std::nullopt;
  if (out.host == "?") out.host.clear();  // a node that has not been told its own name
  return out;
}

}  // namespace reeve::net
