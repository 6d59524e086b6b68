#include "client/mirror_settings.h"

#include "client/settings_values.h"
#include "net/redis_url.h"

namespace reeve::client {

Status read_mirror(const toml::table& settings, MirrorSettings& mirror) {
  const auto* node = settings.get("mirror");
  if (node == nullptr) return {};
  const auto* table = node->as_table();
  if (table == nullptr) return fail(Errc::invalid_argument, "mirror: expected a table");
  if (auto read = read_flag(*table, "enabled", mirror.enabled); !read)
    return fail(read.error().during("mirror"));
  const auto* redis = table->get("redis");
  if (redis == nullptr) return {};
  const auto text = redis->value_exact<std::string>();
  if (!text) return fail(Errc::invalid_argument, "mirror.redis: expected a URL in quotes");
  if (const auto address = net::read_redis_url(*text); !address)
    return fail(address.error().during("mirror.redis"));
  mirror.redis = *text;
  return {};
}

toml::table mirror_table(const MirrorSettings& mirror) {
  toml::table table;
  if (!mirror.redis.empty()) table.insert("redis", mirror.redis);
  if (mirror.enabled) table.insert("enabled", *mirror.enabled);
  return table;
}

}  // namespace reeve::client
