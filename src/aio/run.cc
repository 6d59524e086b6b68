#include "aio/run.h"

#include <boost/asio/co_spawn.hpp>

#include <exception>

namespace reeve::aio {

void run(asio::io_context& loop, Async<> work) {
  std::exception_ptr thrown;
  bool done = false;
  loop.restart();
  asio::co_spawn(loop, std::move(work), [&](std::exception_ptr error) {
    thrown = std::move(error);
    done = true;
    loop.stop();
  });
  while (!done && loop.run() > 0) loop.restart();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace reeve::aio
