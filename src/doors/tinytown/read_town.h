#pragma once

#include "aio/suspend.h"
#include "doors/tinytown/take_over.h"
#include "net/redis.h"

/// A town of tinytown's, read from its Redis. Nothing is written.
namespace reeve::doors::tinytown {

/// All of it, with what an old tinytown left: keys without a town's name ("tt:agent:ID"), and
/// hashes that are texts of JSON. What cannot be read is a note. Errors: the connection's.
aio::Async<Result<TtTown>> read_town(net::RedisConnection& redis, std::string town, Moment now);

/// An old hash's JSON as its fields. invalid_argument: no object.
Result<Fields> fields_of_json(std::string_view text);

}  // namespace reeve::doors::tinytown
