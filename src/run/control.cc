#include "run/control.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace reeve::run {

struct Control::Watch::Entry {
  std::function<void()> told;
  std::mutex busy;  // held while it is told, so that who lets go of it can wait
  bool gone = false;
};

struct Control::State {
  std::mutex mutex;
  std::optional<std::string> cancelled;
  std::optional<Duration> timeout;
  std::optional<std::size_t> limit;
  std::map<std::type_index, std::shared_ptr<void>> data;
  std::shared_ptr<State> shared;
  std::vector<std::weak_ptr<Watch::Entry>> watches;

  /// Changes something under the lock, then tells who watches, without it.
  template <class Change>
  void change(Change apply) {
    std::vector<std::shared_ptr<Watch::Entry>> told;
    {
      const std::scoped_lock lock(mutex);
      apply();
      std::erase_if(watches, [](const auto& watch) { return watch.expired(); });
      for (const auto& watch : watches) {
        if (auto entry = watch.lock()) told.push_back(std::move(entry));
      }
    }
    for (const auto& entry : told) {
      const std::scoped_lock lock(entry->busy);
      if (!entry->gone) entry->told();
    }
  }
};

Control::Control() : state_(std::make_shared<State>()) {}

void Control::cancel(std::string reason) {
  state_->change([&] {
    if (!state_->cancelled) state_->cancelled = std::move(reason);
  });
}

bool Control::is_cancelled() const { return cancel_reason().has_value(); }

std::optional<std::string> Control::cancel_reason() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->cancelled;
}

void Control::set_timeout(Duration timeout) {
  state_->change([&] { state_->timeout = std::max(timeout, Duration::zero()); });
}

std::optional<Duration> Control::timeout() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->timeout;
}

void Control::set_concurrency_limit(std::size_t limit) {
  state_->change([&] { state_->limit = std::max<std::size_t>(limit, 1); });
}

std::optional<std::size_t> Control::concurrency_limit() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->limit;
}

void Control::share_data_of(const Control& other) {
  if (other.state_ == state_) return;
  const std::scoped_lock lock(state_->mutex);
  state_->shared = other.state_;
}

void Control::set(std::type_index type, std::shared_ptr<void> object) {
  const std::scoped_lock lock(state_->mutex);
  state_->data[type] = std::move(object);
}

std::shared_ptr<void> Control::get(std::type_index type) const {
  std::shared_ptr<State> shared;
  {
    const std::scoped_lock lock(state_->mutex);
    if (const auto found = state_->data.find(type); found != state_->data.end())
      return found->second;
    shared = state_->shared;
  }
  if (!shared) return nullptr;
  const std::scoped_lock lock(shared->mutex);
  const auto found = shared->data.find(type);
  return found == shared->data.end() ? nullptr : found->second;
}

Control::Watch Control::watch(std::function<void()> told) const {
  Watch watch;
  watch.entry_ = std::make_shared<Watch::Entry>();
  watch.entry_->told = std::move(told);
  const std::scoped_lock lock(state_->mutex);
  state_->watches.emplace_back(watch.entry_);
  return watch;
}

Control::Watch::Watch(Watch&&) noexcept = default;

Control::Watch& Control::Watch::operator=(Watch&& other) noexcept {
  std::swap(entry_, other.entry_);
  return *this;
}

Control::Watch::~Watch() {
  if (!entry_) return;
  // Not while it is being told by another thread; a watch is never let go of from within its call.
  const std::scoped_lock lock(entry_->busy);
  entry_->gone = true;
}

}  // namespace reeve::run
