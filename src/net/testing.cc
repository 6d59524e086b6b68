#include "net/testing.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace reeve::net::testing {
namespace {

bool ready(int fd, short events) {
  pollfd waiting{.fd = fd, .events = events, .revents = 0};
  int got = 0;
  do got = ::poll(&waiting, 1, 20'000);
  while (got < 0 && errno == EINTR);
  return got > 0;
}

}  // namespace

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN || !ready(fd_.get(), POLLOUT)) {
      return false;
    }
  }
  return true;
}

bool RawClient::read_some(std::string& into) {
  char buffer[4096];
  for (;;) {
    const auto got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (got > 0) {
      into.append(buffer, static_cast<std::size_t>(got));
      return true;
    }
    if (got == 0 || errno != EAGAIN || !ready(fd_.get(), POLLIN)) return false;
  }
}

std::string RawClient::read_all() {
  while (read_some(kept_)) {
  }
  return std::exchange(kept_, {});
}

std::string RawClient::read_until(std::string_view end) {
  while (kept_.find(end) == std::string::npos) {
    if (!read_some(kept_)) break;
  }
  const auto found = kept_.find(end);
  if (found == std::string::npos) return std::exchange(kept_, {});
  auto out = kept_.substr(0, found + end.size());
  kept_.erase(0, out.size());
  return out;
}

void ServerFixture::start(Handler handler, ServerOptions options) {
  if (options.version.empty()) options.version = version_;
  server_ =
      std::make_unique<Server>(context_.get_executor(), std::move(handler), std::move(options));
  const auto listening = server_->listen(address_);
  if (!listening) throw std::runtime_error(listening.error().message());
  for (const auto& address : more_) bound_.push_back(server_->listen(address).value());
  ended_ = asio::co_spawn(context_, server_->run(), asio::use_future);
  thread_ = std::thread([this] { context_.run(); });
}

void ServerFixture::begin_stop() {
  asio::post(context_, [this] { server_->stop(); });
}

void ServerFixture::stop() {
  if (!thread_.joinable()) return;
  begin_stop();
  thread_.join();
  ended_.get();
}

std::size_t ServerFixture::connections() {
  std::promise<std::size_t> count;
  asio::post(context_, [&] { count.set_value(server_->connections()); });
  return count.get_future().get();
}

}  // namespace reeve::net::testing
