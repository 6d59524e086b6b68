#include "doors/tinytown/town_file.h"

#include <toml++/toml.h>

#include "client/settings_file.h"

namespace reeve::doors::tinytown {
namespace {

template <class T>
T get(const toml::table& table, std::string_view key, T otherwise) {
  return table[key].value<T>().value_or(std::move(otherwise));
}

Result<net::RedisAddress> address_of(const toml::table& file, const std::filesystem::path& root,
                                     const TownVariables& variables,
                                     const std::string& explicit_url) {
  const auto* node = file.get("redis");
  static const toml::table kNone;
  const auto& redis = node != nullptr && node->is_table() ? *node->as_table() : kNone;
  auto url = explicit_url;
  if (url.empty()) url = variables.redis_url.value_or("");
  const bool from_outside = !url.empty();
  if (url.empty()) url = get<std::string>(redis, "url", "");
  net::RedisAddress address;
  if (!url.empty()) {
    auto read = net::read_redis_url(url);
    if (!read) return fail(read.error());
    address = std::move(*read);
  } else if (get(redis, "use_socket", true)) {
    address.unix_socket =
        root / get<std::string>(redis, "socket_path", std::string(".tt/redis.sock"));
  } else {
    const auto host = get<std::string>(redis, "host", "127.0.0.1");
    const auto port = get<std::int64_t>(redis, "port", 6379);
    const auto text = (host.contains(':') ? "[" + host + "]" : host) + ":" + std::to_string(port);
    auto where = net::read_host_port(text, 6379);
    if (!where) return fail(where.error().during("[redis]"));
    address.tcp = std::move(*where);
    address.tls = get(redis, "tls_enabled", false);
    if (address.tls) address.ca_file = get<std::string>(redis, "tls_ca_cert", "");
    address.password = Secret(get<std::string>(redis, "password", ""));
  }
  if (variables.password && !from_outside) address.password = Secret(*variables.password);
  return address;
}

}  // namespace

Result<TownFile> read_town_file(const std::filesystem::path& root, const TownVariables& variables,
                                const std::string& explicit_url) {
  const auto path = root / "tinytown.toml";
  auto text = client::read_small_file(path);
  if (!text && text.error().is(Errc::not_found)) {
    return fail(Errc::not_found,
                "there is no tinytown.toml in " + root.string() + ": give the town's folder");
  }
  if (!text) return fail(text.error());
  auto file = client::parse_toml(*text, path.string());
  if (!file) return fail(file.error());
  TownFile town;
  town.name = get<std::string>(*file, "name", "");
  if (town.name.empty())
    return fail(Errc::invalid_argument, path.string() + " does not say the town's name");
  town.default_cli = get<std::string>(*file, "default_cli", "claude");
  if (const auto* clis = (*file)["agent_clis"].as_table()) {
    for (const auto& [name, node] : *clis) {
      const auto* one = node.as_table();
      if (one != nullptr)
        town.clis[std::string(name.str())] = get<std::string>(*one, "command", "");
    }
    std::erase_if(town.clis, [](const auto& one) { return one.second.empty(); });
  }
  auto address = address_of(*file, root, variables, explicit_url);
  if (!address) return fail(address.error().during(path.string()));
  town.redis = std::move(*address);
  const auto idle = (*file)["agent"]["idle_timeout_secs"].value<std::int64_t>();
  if (idle && *idle > 0) {
    town.notes.push_back("idle agents were stopped after " + std::to_string(*idle) +
                         " s: reeve config agents.idle " + std::to_string(*idle) + "s");
  }
  return town;
}

}  // namespace reeve::doors::tinytown
