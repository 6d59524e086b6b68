#include "store/redis/settings.h"

#include <charconv>
#include <vector>

#include "base/logging.h"

namespace reeve::store::redis {
namespace {

constexpr int kOldestMajor = 7;

std::string line_of(std::string_view info, std::string_view name) {
  const auto key = std::string(name) + ":";
  for (std::size_t at = 0; at < info.size();) {
    auto end = info.find('\n', at);
    if (end == std::string_view::npos) end = info.size();
    auto line = info.substr(at, end - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with(key)) return std::string(line.substr(key.size()));
    at = end + 1;
  }
  return {};
}

struct Wanted {
  std::string_view name;
  std::string_view value;
};
/// Values that each durability needs. An eviction policy would throw away parts of a town.
std::vector<Wanted> wanted_for(RedisDurability durability) {
  std::vector<Wanted> wanted{{"maxmemory-policy", "noeviction"}};
  if (durability == RedisDurability::memory) return wanted;
  wanted.push_back({"appendonly", "yes"});
  if (durability == RedisDurability::everysec) return wanted;
  wanted.push_back({"appendfsync", "always"});
  wanted.push_back({"no-appendfsync-on-rewrite", "no"});
  return wanted;
}

std::string name_of(RedisDurability durability) {
  switch (durability) {
    case RedisDurability::disk: return "disk";
    case RedisDurability::everysec: return "everysec";
    case RedisDurability::memory: return "memory";
  }
  return {};
}

}  // namespace

ServerSettings settings_of(std::string_view info) {
  ServerSettings settings;
  settings.version = line_of(info, "redis_version");
  settings.replica = line_of(info, "role") == "slave";
  // A file that is there has a size, or was rewritten once; else one that is being written, or
  // could not be, is the first.
  const auto is = [&](std::string_view name, std::string_view value) {
    return line_of(info, name) == value;
  };
  settings.begins_file = is("aof_enabled", "1") && is("aof_base_size", "0") &&
                         is("aof_last_rewrite_time_sec", "-1") &&
                         (is("aof_rewrite_in_progress", "1") || is("aof_rewrite_scheduled", "1") ||
                          is("aof_last_bgrewrite_status", "err"));
  return settings;
}

Status check(const ServerSettings& settings, RedisDurability durability, bool asserted) {
  int major = 0;
  const auto& version = settings.version;
  std::from_chars(version.data(), version.data() + version.size(), major);
  if (major < kOldestMajor) {
    return fail(Errc::unsupported, "this Redis is version " + (version.empty() ? "?" : version) +
                                       "; a town needs 7.0 or newer");
  }
  if (settings.replica) {
    return fail(Errc::read_only,
                "this Redis is a replica, which takes no writes: give the address of its primary");
  }
  if (settings.begins_file && durability != RedisDurability::memory) {
    return fail(
        Errc::unavailable,
        "this Redis is just writing its first append-only file, and nothing survives before "
        "that is done; try again in a moment (if it stays so: its log says why)");
  }
  if (settings.config.empty()) {
    if (asserted) return {};
    return fail(Errc::denied,
                "this Redis does not let us look at its settings (CONFIG is denied), so nobody "
                "knows what an acknowledged commit survives: allow CONFIG GET, or say with "
                "store.settings_asserted = true that they give durability \"" +
                    name_of(durability) + "\"");
  }
  std::string missing;
  for (const auto& [name, value] : wanted_for(durability)) {
    const auto found = settings.config.find(name);
    const auto is = found == settings.config.end() ? std::string() : found->second;
    if (is == value) continue;
    // A server without a limit evicts nothing, whatever its policy.
    if (name == "maxmemory-policy") {
      const auto limit = settings.config.find("maxmemory");
      if (limit != settings.config.end() && limit->second == "0") continue;
    }
    missing += (missing.empty() ? "" : ", ") + std::string(name) + " " + std::string(value) +
               " (it is " + (is.empty() ? "not set" : is) + ")";
  }
  if (missing.empty()) return {};
  return fail(Errc::denied, "durability \"" + name_of(durability) +
                                "\" needs other settings of "
                                "this Redis: " +
                                missing +
                                ". Set them (CONFIG SET, and in redis.conf), or choose a weaker "
                                "durability (docs/redis.md says what each loses)");
}

Async<Status> check_server(net::RedisAsk ask, RedisDurability durability, bool asserted) {
  net::RedisWords words{"INFO", "everything"};
  auto info = co_await ask(words);
  if (!info) co_return fail(info.error());
  if (info->is_error()) co_return fail(net::redis_error(*info));
  auto settings = settings_of(info->text);
  words = {"CONFIG",     "GET",
           "appendonly", "appendfsync",
           "maxmemory",  "maxmemory-policy",
           "save",       "no-appendfsync-on-rewrite"};
  auto config = co_await ask(std::move(words));
  if (!config && !config.error().is(Errc::denied)) co_return fail(config.error());
  for (std::size_t i = 0; config && i + 1 < config->elements.size(); i += 2)
    settings.config[config->elements[i].text] = config->elements[i + 1].text;
  if (auto good = check(settings, durability, asserted); !good) co_return good;
  if (durability == RedisDurability::everysec) {
    logging::warn(
        "durability everysec: a killed redis-server, or a power cut, may lose the last "
        "second of what was acknowledged");
  }
  co_return Status();
}

}  // namespace reeve::store::redis
