#include "sample.h"

namespace reeve::bench {

Sample::Sample(Env& env) : env_(env) {
  for (int i = 0; i < 7; ++i) missions_.push_back(Scope::mission(env.uuid4().str()));
  for (int i = 0; i < 1'000; ++i) agents_.push_back(Scope::of(AgentId(env.uuid4())));
  payload_ = R"({"task":"5f0c2c1e-8a35-4d28-9f1c-6f6f2b1f0c11","text":")" + std::string(150, 'x') +
             R"("})";
}

NewEvent Sample::next() {
  ++count_;
  NewEvent event;
  event.id = EventId(env_.uuid7());
  event.kind = "TaskProgressed";
  event.time = env_.now();
  event.scopes.reserve(2);
  event.scopes.push_back(missions_[count_ % missions_.size()]);
  event.scopes.push_back(agents_[count_ * 2'654'435'761U % agents_.size()]);
  event.origin = "cli:claude";
  event.payload = payload_;
  return event;
}

}  // namespace reeve::bench
