#pragma once

#include <memory>

#include "aio/task_group.h"
#include "app/library/host.h"
#include "base/env.h"

namespace reeve::library {

/// A town that a daemon serves, asked through its socket. not_found: there is no town at the folder
/// or above it.
Result<std::unique_ptr<Host>> make_remote_host(Env& env, aio::asio::any_io_executor executor,
                                               const v1::ConnectOptions& options);

}  // namespace reeve::library
