#include "aio/task_group.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <cstdlib>
#include <utility>
#include <vector>

#include "aio/settled.h"
#include "base/logging.h"

namespace reeve::aio {

std::string what(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception of an unknown type";
  }
}

bool is_cancellation(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& error) {
    return error.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

TaskGroup::TaskGroup(asio::any_io_executor executor, OnFailure on_failure)
    : executor_(executor), on_failure_(std::move(on_failure)), emptied_(std::move(executor)) {}

TaskGroup::~TaskGroup() {
  if (children_.empty()) return;
  for (const auto& child : children_) logging::error("task {} outlives its group", child->name);
  std::abort();
}

TaskGroup::Stopper TaskGroup::spawn(std::string name, Async<> work) {
  const auto child = std::make_shared<Child>();
  child->name = std::move(name);
  const auto place = children_.insert(children_.end(), child);
  auto done = [this, place](const std::exception_ptr& thrown) {
    if (thrown && !is_cancellation(thrown)) {
      if (on_failure_) {
        on_failure_((*place)->name, thrown);
      } else {
        logging::error("task {} failed: {}", (*place)->name, what(thrown));
      }
    }
    children_.erase(place);
    if (children_.empty()) emptied_.notify();
  };
  asio::co_spawn(executor_, settled(std::move(work)),
                 asio::bind_cancellation_slot(child->stop.slot(), std::move(done)));
  return Stopper(child);
}

void TaskGroup::cancel() {
  // A child may end, and start others, while it is being cancelled: walk over who is there now.
  const std::vector<std::shared_ptr<Child>> now(children_.begin(), children_.end());
  for (const auto& child : now) child->stop.emit(asio::cancellation_type::terminal);
}

void TaskGroup::Stopper::operator()() const {
  if (const auto child = child_.lock()) child->stop.emit(asio::cancellation_type::terminal);
}

Async<> TaskGroup::join() {
  co_await asio::this_coro::throw_if_cancelled(false);
  while (!children_.empty()) co_await emptied_.wait_uncancelled();
  co_await asio::this_coro::throw_if_cancelled(true);
}

}  // namespace reeve::aio
