#pragma once

#include <boost/asio/io_context.hpp>

#include <memory>

#include "aio/real_env.h"
#include "app/library/host.h"

namespace reeve::library {

/// A town in this process, with its store to itself. Blocks, before the loop runs: what lives on it
/// is begun there, and the loop wants a restart() then. `shared` becomes the control whose data
/// every call sees. Errors: Town::open()'s.
Result<std::unique_ptr<Host>> make_local_host(aio::asio::io_context& loop, Env& env,
                                              const v1::OpenOptions& options, run::Control& shared);

}  // namespace reeve::library
