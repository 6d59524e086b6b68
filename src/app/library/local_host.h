#pragma once

#include <memory>

#include "aio/real_env.h"
#include "app/library/host.h"

namespace reeve::library {

/// A town in this process, with its store to itself. `shared` becomes the control whose data every
/// call sees.
Result<std::unique_ptr<Host>> make_local_host(Env& env, aio::asio::any_io_executor executor,
                                              const v1::OpenOptions& options, run::Control& shared);

}  // namespace reeve::library
