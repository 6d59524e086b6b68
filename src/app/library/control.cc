#include "reeve/control.hpp"

#include "app/library/engine.h"

namespace reeve::v1 {

Control::Control() : state_(std::make_shared<library::Controlled>()) {}
Control::Control(std::shared_ptr<library::Controlled> state) : state_(std::move(state)) {}

void Control::cancel(std::string reason) { state_->control.cancel(std::move(reason)); }
bool Control::is_cancelled() const { return state_->control.is_cancelled(); }
std::optional<std::string> Control::cancel_reason() const {
  return state_->control.cancel_reason();
}
void Control::set_timeout(std::chrono::milliseconds timeout) {
  state_->control.set_timeout(timeout);
}
std::optional<std::chrono::milliseconds> Control::timeout() const {
  return state_->control.timeout();
}
void Control::set_concurrency_limit(std::size_t limit) {
  state_->control.set_concurrency_limit(limit);
}
std::optional<std::size_t> Control::concurrency_limit() const {
  return state_->control.concurrency_limit();
}
void Control::set(std::type_index type, std::shared_ptr<void> object) {
  state_->control.set(type, std::move(object));
}
std::shared_ptr<void> Control::get(std::type_index type) const { return state_->control.get(type); }

}  // namespace reeve::v1
