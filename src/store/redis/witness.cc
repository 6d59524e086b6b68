#include "store/redis/witness.h"

#include "base/files.h"
#include "base/json.h"

namespace reeve::store::redis {

Result<std::optional<Witness>> read_witness(const std::filesystem::path& path) {
  const auto text = read_small_file(path);
  if (!text && text.error().is(Errc::not_found)) return std::nullopt;
  if (!text) return fail(text.error());
  auto witness = parse_json_as<Witness>(*text);
  if (!witness || witness->log.is_nil()) {
    return fail(Errc::corrupt, path.string() +
                                   " is not what this program writes there: remove it if the town "
                                   "on Redis is known to be whole");
  }
  return std::move(*witness);
}

Status write_witness(const std::filesystem::path& path, const Witness& witness) {
  return replace_file(path, write_json_of(witness) + "\n");
}

}  // namespace reeve::store::redis
