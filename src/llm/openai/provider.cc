#include "llm/openai/provider.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "aio/real_env.h"
#include "aio/within.h"
#include "base/limits.h"
#include "llm/openai/error.h"

namespace reeve::llm::openai {
namespace {

/// A stream is over with `[DONE]`. This long its end may still take, so that the connection can be
/// used again.
constexpr Duration kGrace{250};

std::uint64_t random_number(Env& env) {
  std::array<std::uint8_t, sizeof(std::uint64_t)> bytes{};
  env.random(bytes);
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof(number));
  return number;
}

/// A stream under way.
struct Incoming {
  Env& env;
  Reader& reader;
  const OnEvent& on_event;
  aio::Stop end;
  std::unique_ptr<Env::Timer> grace;
};

/// Line by line: a piece can hold more events than whoever is told has room for.
Async<Status> take(Incoming& into, std::string_view piece) {
  while (!piece.empty()) {
    const auto line = piece.substr(0, std::min(piece.find('\n'), piece.size() - 1) + 1);
    piece.remove_prefix(line.size());
    if (auto fed = into.reader.feed(line); !fed) co_return fail(fed.error());
    if (into.on_event.crowded()) co_await into.on_event.room();
  }
  if (into.reader.done() && !into.grace)
    into.grace = into.env.after(kGrace, [&into] { into.end.pull(); });
  co_return Status();
}

}  // namespace

OpenAiProvider::OpenAiProvider(Settings settings, Env& env, std::shared_ptr<Transport> transport)
    : settings_(std::move(settings)), env_(env), transport_(std::move(transport)) {
  while (settings_.base_url.ends_with('/')) settings_.base_url.pop_back();
}

Async<ChatResult> OpenAiProvider::chat(const ChatRequest& request, OnEvent on_event) {
  if (!settings_.key) {
    co_return std::unexpected(
        named(ProviderError(Trouble::authentication, settings_.key.error().message())));
  }
  const auto& model = request.model.empty() ? settings_.model : request.model;
  if (model.empty()) {
    co_return std::unexpected(named(ProviderError(
        Trouble::bad_request, "the request names no model, and there is no default")));
  }
  const auto body = write_json(body_of(request, model, settings_.form));
  if (body.size() > limits::kModelRequest) {
    co_return std::unexpected(named(ProviderError(
        Trouble::context_too_long, "the conversation is larger than " +
                                       std::to_string(limits::kModelRequest >> 20) + " MiB")));
  }
  for (int tried = 1;; ++tried) {
    // The caller's own function, not a copy of it: it may count.
    const auto tell = [&on_event](AgentEvent event) {
      if (on_event) on_event(std::move(event));
    };
    Reader reader(tell, [this] { return "call_" + env_.uuid4().str(); }, *settings_.key);
    auto outgoing = post(body);
    auto answer = co_await ask(std::move(outgoing), reader, on_event);
    if (answer) {
      if (answer->model.empty()) answer->model = model;
      co_return answer;
    }
    const auto error = named(answer.error());
    const auto pause =
        pause_before_retry(settings_.retry, error, tried, reader.has_told(), random_number(env_));
    if (!pause) co_return std::unexpected(error);
    if (on_event) {
      if (reader.has_told()) on_event(StreamReset{error.message()});
      on_event(ErrorRaised{std::string(enum_name(error.trouble)), error.message(), true});
    }
    co_await aio::sleep(env_, *pause);
  }
}

Async<ChatResult> OpenAiProvider::ask(net::OutgoingRequest request, Reader& reader,
                                      const OnEvent& on_event) {
  Result<net::Response> answer;
  if (settings_.form.stream) {
    Incoming incoming{.env = env_, .reader = reader, .on_event = on_event};
    auto on_chunk = [&incoming](std::string_view piece) { return take(incoming, piece); };
    auto streamed = transport_->stream(std::move(request), std::move(on_chunk));
    auto got = co_await aio::until(incoming.end, std::move(streamed));
    if (reader.done()) co_return reader.finish();
    REEVE_CHECK(got);  // only its end pulls it
    answer = std::move(*got);
  } else {
    answer = co_await transport_->request(std::move(request));
    if (answer && answer->status / 100 == 2) {
      if (auto fed = reader.feed(answer->body); !fed) co_return std::unexpected(fed.error());
    }
  }
  if (auto fed = reader.feed({}); !fed) co_return std::unexpected(fed.error());
  if (!answer) co_return std::unexpected(trouble_on_the_way(answer.error(), reader));
  if (answer->status / 100 != 2)
    co_return std::unexpected(read_error(*answer, env_.now(), *settings_.key));
  co_return reader.finish();
}

net::OutgoingRequest OpenAiProvider::post(std::string body) const {
  net::OutgoingRequest out;
  out.method = "POST";
  out.url = settings_.base_url + "/chat/completions";
  out.headers = settings_.headers;
  out.headers.emplace_back("Content-Type", "application/json");
  out.headers.emplace_back("Accept",
                           settings_.form.stream ? "text/event-stream" : "application/json");
  if (!settings_.key->empty())
    out.headers.emplace_back("Authorization", "Bearer " + settings_.key->reveal());
  out.body = std::move(body);
  out.timeout = settings_.timeout;
  out.idle_timeout = settings_.timeout;
  return out;
}

ProviderError OpenAiProvider::trouble_on_the_way(const Error& error, const Reader& reader) const {
  const auto trouble = [&] {
    switch (error.code()) {
      case Errc::timeout: return Trouble::timed_out;
      case Errc::too_large: return Trouble::answer_too_large;
      case Errc::invalid_argument:
      case Errc::denied: return Trouble::misconfigured;
      default: return reader.has_begun() ? Trouble::truncated_stream : Trouble::unreachable;
    }
  }();
  // Whether a model was asked in vain has no effect that anybody would have to look into.
  if (error.is(Errc::unknown_outcome)) {
    return {trouble, reader.has_begun() ? "the answer broke off before its end"
                                        : "the connection broke before an answer came"};
  }
  return {trouble, error.message()};
}

ProviderError OpenAiProvider::named(const ProviderError& error) const {
  ProviderError out(error.trouble, "provider " + settings_.name + ": " + error.message(),
                    error.retry_after);
  out.http_status = error.http_status;
  return out;
}

}  // namespace reeve::llm::openai
