#include "app/library/remote_host.h"

#include <filesystem>

#include "app/library/face.h"
#include "base/logging.h"
#include "client/link.h"

namespace reeve::library {
namespace {

namespace asio = aio::asio;

client::EventQuery query_of(const store::EventFilter& filter) {
  client::EventQuery query;
  for (const auto& scope : filter.scopes) query.scopes.push_back(scope.str());
  query.kinds = filter.kinds;
  return query;
}

Result<std::vector<Frame>> read_frames(const std::vector<wire::SseMessage>& messages) {
  std::vector<Frame> frames;
  for (const auto& message : messages) {
    auto frame = read_frame(message.event, message.data);
    if (!frame) return fail(frame.error().during("the daemon's stream"));
    if (*frame) frames.push_back(std::move(**frame));
  }
  return frames;
}

/// The log, from a place on.
class RemoteFeed final : public Feed {
 public:
  RemoteFeed(client::Link& link, client::EventQuery query, LogId log)
      : query_(std::move(query)), log_(log), stream_(link, [this] {
          net::ClientRequest request;
          request.target = client::target_of(query_);
          return request;
        }) {}

  /// Returns when the daemon has said where it begins.
  Async<Status> open() {
    auto first = co_await next();
    if (!first) co_return fail(first.error());
    ready_ = std::move(*first);
    co_return Status();
  }

  Async<Result<std::vector<Frame>>> next() override {
    if (!ready_.empty()) co_return std::exchange(ready_, {});
    for (;;) {
      const auto messages = co_await stream_.next();
      if (!messages) co_return fail(messages.error());
      auto frames = read_frames(*messages);
      if (!frames) co_return frames;
      for (const auto& frame : *frames) {
        const auto position = frame_position(frame);
        if (!position) continue;
        position_ = *position;
        query_.after = Cursor{log_, position_}.str();
      }
      if (!frames->empty()) co_return frames;
    }
  }
  [[nodiscard]] Position position() const override { return position_; }

 private:
  client::EventQuery query_;
  LogId log_;
  Position position_;
  std::vector<Frame> ready_;
  client::LinkStream stream_;
};

/// The events of one run. The first stream is the answer to its request; what is opened after a cut
/// tells it from the beginning again.
class RemoteRunFeed final : public Feed {
 public:
  RemoteRunFeed(client::Link& link, net::ClientRequest first)
      : first_(std::move(first)), stream_(link, [this] {
          net::ClientRequest request = first_;
          if (!id_.empty()) {
            request = {};
            request.target = "/v1/runs/" + client::escape(id_);
          }
          return request;
        }) {}

  /// Returns when the run is known.
  Async<Result<api::Asked>> open() {
    for (;;) {
      auto messages = co_await stream_.next();
      if (!messages) co_return fail(messages.error());
      for (auto& message : *messages) waiting_.push_back(std::move(message));
      for (const auto& message : waiting_) {
        if (message.event != "run") continue;
        auto asked = parse_json_as<api::Asked>(message.data);
        if (asked) id_ = asked->id;
        co_return asked;
      }
    }
  }

  Async<Result<std::vector<Frame>>> next() override {
    while (!over_) {
      auto messages = std::exchange(waiting_, {});
      if (messages.empty()) {
        auto more = co_await stream_.next();
        if (!more) {
          // A run that never began ends its stream by saying so; whoever waits for it is told why.
          if (more.error().is(Errc::cancelled)) break;
          co_return fail(more.error());
        }
        messages = std::move(*more);
      }
      if (!messages.empty() && messages.back().event == "result") {
        over_ = true;
        messages.pop_back();
      }
      auto frames = read_frames(messages);
      if (!frames) co_return frames;
      // What was told before the cut is not told again.
      std::erase_if(*frames, [&](const Frame& frame) {
        const auto position = frame_position(frame);
        if (!position) return false;
        if (*position <= position_) return true;
        position_ = *position;
        return false;
      });
      if (!frames->empty()) co_return frames;
    }
    co_return std::vector<Frame>();
  }
  [[nodiscard]] Position position() const override { return position_; }

 private:
  net::ClientRequest first_;
  std::string id_;
  Position position_;
  std::vector<wire::SseMessage> waiting_;
  bool over_ = false;
  client::LinkStream stream_;
};

class RemoteHost final : public Host {
 public:
  RemoteHost(Env& env, asio::any_io_executor executor, client::TownFolder folder,
             client::ClientSettings settings)
      : env_(env),
        executor_(executor),
        link_(std::in_place, env, executor, std::move(folder), std::move(settings)),
        group_(std::move(executor)) {}

  Async<Status> begin() override {
    const auto town = co_await link_->get_as<api::TownView>("/v1/town");
    if (!town) co_return fail(town.error());
    const auto id = LogId::parse(town->log);
    if (!id) co_return fail(id.error());
    log_ = *id;
    co_return Status();
  }

  [[nodiscard]] LogId log_id() const override { return log_; }
  [[nodiscard]] llm::Registry* providers() override { return nullptr; }
  [[nodiscard]] tool::Registry* tools() override { return nullptr; }
  void count_handler_failure() override {}

  Async<Result<Asked>> emit(EmitRequest request, run::Control control, bool with_events) override {
    if (auto good = check(request); !good) co_return fail(good.error());
    if (control.is_cancelled()) {
      co_return fail(Errc::cancelled,
                     "cancelled before it began: " + control.cancel_reason().value_or(""));
    }
    if (!request.client_request_id) request.client_request_id = client::new_key();
    api::EmitCall call{std::move(request), {}, {}, {}};
    if (const auto timeout = control.timeout()) call.timeout_ms = timeout->count();
    if (const auto limit = control.concurrency_limit())
      call.concurrency_limit = static_cast<std::int64_t>(*limit);
    auto body = write_json_of(call);
    if (!with_events) {
      auto answer = co_await link_->change("POST", "/v1/runs", std::move(body));
      if (!answer) co_return fail(answer.error());
      auto asked = parse_json_as<api::Asked>(*answer);
      if (!asked) co_return fail(asked.error());
      co_return watch(*asked, std::move(control), nullptr);
    }
    net::ClientRequest post;
    post.method = "POST";
    post.target = "/v1/runs";
    post.body = std::move(body);
    co_return co_await open(std::move(post), std::move(control));
  }

  Async<Result<Asked>> find(RunId run) override {
    net::ClientRequest get;
    get.target = "/v1/runs/" + run.str();
    co_return co_await open(std::move(get), run::Control());
  }

  Async<> cancel_run(RunId run, std::string reason) override {
    co_await ask_to_end(run.str(), run::Stop::cancel, std::move(reason));
  }

  Async<Result<std::unique_ptr<Feed>>> follow(FollowOptions options) override {
    auto query = query_of(options.filter);
    query.deltas = options.deltas;
    query.block = options.block;
    query.from_now = options.from.where == v1::From::Where::now;
    if (options.from.where == v1::From::Where::after) query.after = options.from.cursor;
    auto feed = std::make_unique<RemoteFeed>(*link_, std::move(query), log_);
    if (auto opened = co_await feed->open(); !opened) co_return fail(opened.error());
    co_return feed;
  }

  Async<Result<Page>> read(std::string after, store::EventFilter filter,
                           std::size_t limit) override {
    auto query = query_of(filter);
    query.after = std::move(after);
    query.limit = limit;
    auto reply = co_await link_->get_as<client::EventPage>(client::target_of(query));
    if (!reply) co_return fail(reply.error());
    const auto cursor = Cursor::parse(reply->cursor);
    if (!cursor) co_return fail(cursor.error());
    Page page;
    page.reached = cursor->position;
    for (auto& event : reply->events)
      page.events.push_back(std::make_shared<const Event>(std::move(event)));
    const auto end = co_await head();
    if (!end) co_return fail(end.error());
    page.at_end = page.reached >= *end;
    co_return page;
  }

  Async<Result<Position>> head() override {
    client::EventQuery query;
    query.from_now = true;
    query.limit = 1;
    const auto reply = co_await link_->get_as<client::EventPage>(client::target_of(query));
    if (!reply) co_return fail(reply.error());
    const auto cursor = Cursor::parse(reply->cursor);
    if (!cursor) co_return fail(cursor.error());
    co_return cursor->position;
  }

  Async<Status> put_data(ThreadId session, std::string key, std::string json) override {
    auto done = co_await link_->change("PUT", data_of(session, key), std::move(json));
    if (!done) co_return fail(done.error());
    co_return Status();
  }
  Async<Result<std::optional<std::string>>> get_data(ThreadId session, std::string key) override {
    auto value = co_await link_->get(data_of(session, key));
    if (!value && value.error().is(Errc::not_found)) co_return std::nullopt;
    if (!value) co_return fail(value.error());
    co_return std::move(*value);
  }
  Async<Status> remove_data(ThreadId session, std::string key) override {
    auto done = co_await link_->change("DELETE", data_of(session, key), "");
    if (!done) co_return fail(done.error());
    co_return Status();
  }

  Async<Result<std::string>> ask(std::string method, std::string target, std::string body,
                                 std::optional<std::chrono::milliseconds> timeout) override {
    if (method == "GET") co_return co_await link_->get(std::move(target), timeout);
    co_return co_await link_->change(std::move(method), std::move(target), std::move(body));
  }

  /// The runs go on in the daemon.
  Async<> close() override {
    group_.cancel();
    co_await group_.join();
  }
  /// Connections that are kept would keep the loop going.
  Async<> close_store() override {
    link_.reset();
    co_return;
  }

 private:
  static std::string data_of(const ThreadId& session, const std::string& key) {
    return "/v1/sessions/" + session.str() + "/data/" + client::escape(key);
  }

  Async<Result<Asked>> open(net::ClientRequest request, run::Control control) {
    auto feed = std::make_shared<RemoteRunFeed>(*link_, std::move(request));
    const auto asked = co_await feed->open();
    if (!asked) co_return fail(asked.error());
    co_return watch(*asked, std::move(control), std::move(feed));
  }

  /// A handle on what the daemon does.
  Asked watch(const api::Asked& known, run::Control control, std::shared_ptr<Feed> events) {
    const auto pending = std::make_shared<run::Pending>(executor_);
    pending->run = known.run.value_or(RunId());
    pending->session = known.session.value_or(ThreadId());
    pending->message = known.message;
    pending->began = known.run.has_value();
    pending->control = control;
    pending->stop = [this, id = known.id](run::Stop how, std::string reason) {
      group_.spawn("end a run", ask_to_end(id, how, std::move(reason)));
    };
    auto shown = std::make_shared<run::Control::Watch>(
        control.watch([this, id = known.id, weak = std::weak_ptr(pending)] {
          env_.defer([this, id, weak] {
            const auto alive = weak.lock();
            if (alive && !alive->result) tell_control(id, alive->control);
          });
        }));
    group_.spawn("wait for a run", wait(known.id, pending, std::move(shown)));
    return {run::RunHandle(pending, nullptr), std::move(events)};
  }

  Async<> wait(std::string id, std::shared_ptr<run::Pending> pending,
               std::shared_ptr<run::Control::Watch> shown) {
    auto result =
        co_await link_->get_as<RunResult>("/v1/runs/" + client::escape(id) + "/result", {});
    if (result) {
      pending->run = result->run;
      pending->session = result->session;
      pending->began = true;
    }
    shown.reset();
    pending->finish(std::move(result));
  }

  Async<> ask_to_end(std::string id, run::Stop how, std::string reason) {
    auto done = co_await link_->change(
        "POST", "/v1/runs/" + client::escape(id) + "/cancel",
        write_json_of(api::CancelRequest{std::move(reason), how == run::Stop::abort}));
    if (!done) logging::warn("run {} could not be ended: {}", id, done.error().message());
  }

  void tell_control(const std::string& id, const run::Control& control) {
    if (const auto why = control.cancel_reason()) {
      group_.spawn("end a run", ask_to_end(id, run::Stop::cancel, *why));
      return;
    }
    api::ControlRequest request;
    if (const auto timeout = control.timeout()) request.timeout_ms = timeout->count();
    if (const auto limit = control.concurrency_limit())
      request.concurrency_limit = static_cast<std::int64_t>(*limit);
    group_.spawn("limit a run", limit(id, write_json_of(request)));
  }
  Async<> limit(std::string id, std::string request) {
    auto done = co_await link_->change("POST", "/v1/runs/" + client::escape(id) + "/control",
                                       std::move(request));
    if (!done) logging::warn("run {} could not be limited: {}", id, done.error().message());
  }

  Env& env_;
  asio::any_io_executor executor_;
  LogId log_;
  std::optional<client::Link> link_;
  aio::TaskGroup group_;
};

}  // namespace

Result<std::unique_ptr<Host>> make_remote_host(Env& env, asio::any_io_executor executor,
                                               const v1::ConnectOptions& options) {
  auto folder = client::find_town(options.folder.empty() ? std::filesystem::current_path()
                                                         : std::filesystem::path(options.folder));
  if (!folder) return fail(folder.error());
  auto settings = client::settings_from_environment(REEVE_VERSION);
  settings.may_start_daemon = settings.may_start_daemon && !options.program.empty();
  settings.program = options.program;
  settings.patience = options.patience;
  return std::make_unique<RemoteHost>(env, std::move(executor), std::move(*folder),
                                      std::move(settings));
}

}  // namespace reeve::library
