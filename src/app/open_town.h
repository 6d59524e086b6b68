#pragma once

#include <boost/asio/io_context.hpp>

#include <functional>

#include "app/open_store.h"

/// How a town is opened, or begun, by whoever is to write it: the daemon and libreeve.
namespace reeve::app {

/// open_store() before the loop runs, with what comes first: a reset that was cut off is gone on
/// with. Errors: open_store()'s; conflict: a reset is under way, or was cut off and the town is run
/// elsewhere.
Result<OpenedStore> open_town(Env& env, boost::asio::io_context& loop,
                              const client::TownFolder& folder, const StorePlan& plan,
                              std::function<void(Error)> on_lost = {});

/// Whether a town that is there already may be taken part in, where a folder begins with it.
enum class Join {
  no,    ///< it is somebody else's
  may,   ///< somebody asked for just that one
  must,  ///< ... and it is to be there
};
/// Before a folder is made a town's: whether its store can be reached, is fit for it, and the town
/// is there or not, as `join` says. Blocks, on a loop of its own; writes nothing. conflict,
/// not_found: it is, or is not. invalid_argument: only a town on Redis is joined. Else what
/// check_redis() says.
Status check_place(const StorePlan& plan, Join join);

}  // namespace reeve::app
