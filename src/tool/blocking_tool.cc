#include <exception>
#include <optional>
#include <utility>

#include "aio/signal.h"
#include "base/env.h"
#include "base/utf8.h"
#include "tool/tool.h"

namespace reeve::tool {
namespace {

/// What the waiting coroutine and the working thread share. The thread only sets `result` or
/// `thrown`, before the Env's hop back; everything else is the domain thread's.
struct Job {
  explicit Job(aio::asio::any_io_executor executor) : changed(std::move(executor)) {}

  std::optional<Result<json::value>> result;
  std::stop_source stop;
  aio::Signal changed;
  bool done = false;
  std::exception_ptr thrown;
  std::function<void(std::string_view)> on_output;  // empty when nobody waits any more
};

/// Ends the listening, however the wait ends.
class Listening {
 public:
  explicit Listening(std::shared_ptr<Job> job) : job_(std::move(job)) {}
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;
  ~Listening() {
    job_->on_output = nullptr;
    job_->stop.request_stop();
  }

 private:
  std::shared_ptr<Job> job_;
};

class BlockingTool final : public Tool {
 public:
  BlockingTool(Env& env, ToolDescriptor descriptor, BlockingFunction function)
      : env_(env),
        descriptor_(std::move(descriptor)),
        function_(std::make_shared<const BlockingFunction>(std::move(function))) {}

  [[nodiscard]] const ToolDescriptor& descriptor() const override { return descriptor_; }

  Async<Output> run(Context context, json::object arguments) override {
    const auto job = std::make_shared<Job>(co_await aio::asio::this_coro::executor);
    job->on_output = std::move(context.on_output);
    const Listening listening(job);

    BlockingContext given;
    given.run = context.run;
    given.call_id = std::move(context.call_id);
    given.idempotency_key = std::move(context.idempotency_key);
    given.stop = job->stop.get_token();
    given.output = [job, &env = env_](std::string_view text) {
      env.defer([job, said = std::string(text)] {
        if (job->on_output) job->on_output(said);
      });
    };
    auto work = [job, function = function_, args = std::move(arguments),
                 with = std::move(given)]() mutable {
      try {
        job->result = (*function)(args, with);
      } catch (...) {
        job->thrown = std::current_exception();
      }
      // The output function refers to the job: without this it would keep itself alive.
      with.output = nullptr;
    };
    env_.offload(std::move(work), [job] {
      job->done = true;
      job->changed.notify();
    });
    while (!job->done) co_await job->changed.wait();

    if (job->thrown) std::rethrow_exception(job->thrown);
    Output output;
    auto& result = *job->result;
    if (result) {
      output.content = std::move(*result);
    } else {
      output = Output::failed(to_utf8(result.error().message()));
      output.metadata["code"] = describe(result.error().code()).name;
    }
    co_return output;
  }

 private:
  Env& env_;
  ToolDescriptor descriptor_;
  std::shared_ptr<const BlockingFunction> function_;
};

}  // namespace

std::shared_ptr<Tool> make_blocking_tool(Env& env, ToolDescriptor descriptor,
                                         BlockingFunction function) {
  return std::make_shared<BlockingTool>(env, std::move(descriptor), std::move(function));
}

}  // namespace reeve::tool
