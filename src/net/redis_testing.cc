#include "net/redis_testing.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <mutex>
#include <sstream>
#include <stdexcept>

#include "base/fd.h"

extern char** environ;

namespace reeve::net::testing {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

[[noreturn]] void give_up(const std::string& why) { throw std::runtime_error(why); }

void rest() { ::poll(nullptr, 0, 5); }

/// Waits until `true_now` is, for a good while.
template <class Condition>
void wait_until(const std::string& what, Condition true_now) {
  const auto deadline = Clock::now() + 30s;
  while (!true_now()) {
    if (Clock::now() > deadline) give_up("waited in vain: " + what);
    rest();
  }
}

std::uint16_t free_port() {
  const auto listener = listen_on(TcpAddress{});
  if (!listener) give_up(listener.error().message());
  return std::get<TcpAddress>(listener->address).port;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent == 0 || errno != EAGAIN) return false;
    pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
    ::poll(&waiting, 1, 1000);
  }
  return true;
}

RedisReply read_reply(int fd, wire::RespReader& reader) {
  const auto deadline = Clock::now() + 30s;
  for (;;) {
    auto reply = reader.next();
    if (!reply) give_up(reply.error().message());
    if (*reply) return std::move(**reply);
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    ::poll(&waiting, 1, 1000);
    char buffer[16 << 10];
    const auto got = ::recv(fd, buffer, sizeof buffer, 0);
    if (got > 0) {
      reader.feed({buffer, static_cast<std::size_t>(got)});
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR) || Clock::now() > deadline) {
      give_up("redis-server does not answer");
    }
  }
}

pid_t spawn(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  for (const int fd : {0, 1, 2})
    ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) give_up("cannot start " + words.front());
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

bool has_redis() {
  static const bool there = [] {
    try {
      return wait_for(spawn({"redis-server", "--version"})) == 0;
    } catch (const std::runtime_error&) {
      return false;
    }
  }();
  return there;
}

RedisServer::RedisServer(RedisServerOptions options) : options_(std::move(options)) {
  if (options_.tls || options_.cluster) options_.tcp = true;
  std::string name = (std::filesystem::temp_directory_path() / "reeve_redis_XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) give_up("mkdtemp " + name);
  folder_ = name;
  if (options_.tls) make_certificate();
  for (int tries = 0;; ++tries) {
    if (options_.tcp) port_ = free_port();
    if (options_.cluster) bus_port_ = free_port();
    try {
      start();
      return;
    } catch (const std::runtime_error&) {
      // Somebody may have taken the port.
      kill();
      if (!options_.tcp || tries == 3) throw;
    }
  }
}

RedisServer::~RedisServer() {
  kill();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void RedisServer::make_certificate() const {
  const int status = wait_for(spawn(
      {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
       "-nodes", "-days", "2", "-subj", "/CN=test", "-addext",
       "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key(), "-out", certificate()}));
  if (status != 0) give_up("openssl makes no certificate");
}

void RedisServer::write_settings() const {
  std::ofstream out(folder_ / "redis.conf");
  const auto port = std::to_string(port_);
  out << "dir " << folder_.native() << "\nlogfile " << (folder_ / "redis.log").native()
      << "\nunixsocket " << (folder_ / "redis.sock").native()
      << "\nunixsocketperm 700\nsave \"\"\nappendonly no\nbind 127.0.0.1\n";
  if (options_.tls) {
    out << "port 0\ntls-port " << port << "\ntls-cert-file " << certificate() << "\ntls-key-file "
        << key() << "\ntls-ca-cert-file " << certificate() << "\ntls-auth-clients "
        << (options_.ask_client_certificate ? "yes" : "no") << "\n";
  } else {
    out << "port " << (options_.tcp ? port : "0") << "\n";
  }
  if (options_.cluster) {
    out << "cluster-enabled yes\ncluster-node-timeout 2000\ncluster-port " << bus_port_
        << "\ncluster-config-file nodes.conf\n";
  }
  if (!options_.password.empty()) out << "requirepass \"" << options_.password << "\"\n";
  for (const auto& line : options_.lines) out << line << "\n";
}

void RedisServer::start(bool wait) {
  write_settings();
  // Ends with the thread that starts it.
  pid_ = spawn({"setpriv", "--pdeathsig", "KILL", "redis-server", folder_ / "redis.conf"});
  if (!wait) return;
  wait_until("redis-server comes up; its log: " + log(), [this] {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = 0;
      give_up("redis-server has ended: " + log());
    }
    try {
      return ask({"PING"}).text == "PONG";
    } catch (const std::runtime_error&) {
      return false;
    }
  });
}

void RedisServer::stop() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGTERM);
  wait_for(std::exchange(pid_, 0));
}

void RedisServer::kill() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  wait_for(std::exchange(pid_, 0));
}

void RedisServer::hold() { ::kill(pid_, SIGSTOP); }
void RedisServer::let_go() { ::kill(pid_, SIGCONT); }

RedisAddress RedisServer::address() const {
  RedisAddress out;
  out.password = Secret(options_.password);
  if (!options_.tcp) {
    out.unix_socket = folder_ / "redis.sock";
    return out;
  }
  out.tcp.port = port_;
  out.cluster = options_.cluster;
  out.tls = options_.tls;
  if (options_.tls) out.ca_file = certificate();
  if (options_.ask_client_certificate) {
    out.certificate_file = certificate();
    out.key_file = key();
  }
  return out;
}

std::string RedisServer::url() const {
  auto out = address().display();
  if (const auto at = out.find(":***@"); at != std::string::npos)
    out.replace(at + 1, 3, options_.password);
  return out;
}

Address RedisServer::socket() const {
  if (!options_.tcp) return UnixAddress{folder_ / "redis.sock"};
  return TcpAddress{.host = "127.0.0.1", .port = port_};
}

std::string RedisServer::log() const {
  std::ifstream in(folder_ / "redis.log");
  std::ostringstream text;
  text << in.rdbuf();
  const auto all = text.str();
  return all.substr(all.size() - std::min<std::size_t>(all.size(), 2000));
}

RedisReply RedisServer::ask(const RedisWords& words) const {
  const auto fd = connect_to(UnixAddress{folder_ / "redis.sock"}, Clock::now() + 10s);
  if (!fd) give_up(fd.error().message());
  wire::RespReader reader;
  std::string bytes;
  if (!options_.password.empty()) {
    const RedisWords auth{"AUTH", options_.password};
    wire::append_command(bytes, auth);
  }
  wire::append_command(bytes, words);
  if (!send_all(fd->get(), bytes)) give_up("redis-server takes no command");
  if (!options_.password.empty()) read_reply(fd->get(), reader);
  return read_reply(fd->get(), reader);
}

RedisClusterOfThree::RedisClusterOfThree() {
  const RedisServerOptions options{.cluster = true};
  for (int i = 0; i < 3; ++i) nodes_.push_back(std::make_unique<RedisServer>(options));
  const std::vector<std::pair<int, int>> slots{{0, 5460}, {5461, 10922}, {10923, 16383}};
  const auto demand = [](const RedisServer& server, const RedisWords& words) {
    if (const auto reply = server.ask(words); reply.text != "OK") give_up(reply.text);
  };
  for (std::size_t i = 0; i < 3; ++i) {
    demand(node(i), {"CLUSTER", "ADDSLOTSRANGE", std::to_string(slots[i].first),
                     std::to_string(slots[i].second)});
    demand(node(i), {"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
  }
  for (std::size_t i = 1; i < 3; ++i) {
    // The bus port of a node is found from its own CLUSTER NODES: ...@bus ...
    const auto nodes = node(i).ask({"CLUSTER", "NODES"}).text;
    const auto at = nodes.find('@') + 1;
    const auto bus = nodes.substr(at, nodes.find_first_of(" ,", at) - at);
    const auto port = std::to_string(node(i).address().tcp.port);
    demand(node(0), {"CLUSTER", "MEET", "127.0.0.1", port, bus});
  }
  wait_until("the cluster is whole", [this] {
    for (std::size_t i = 0; i < 3; ++i) {
      const auto info = node(i).ask({"CLUSTER", "INFO"}).text;
      if (!info.contains("cluster_state:ok") || !info.contains("cluster_slots_ok:16384"))
        return false;
    }
    return true;
  });
}

int RedisClusterOfThree::slot(const std::string& key) {
  return static_cast<int>(node(0).ask({"CLUSTER", "KEYSLOT", key}).integer);
}

std::size_t RedisClusterOfThree::owner(const std::string& key) {
  for (std::size_t i = 0; i < 3; ++i)
    if (!redirect_of(node(i).ask({"EXISTS", key}))) return i;
  give_up("nobody has the slot of " + key);
}

std::string RedisClusterOfThree::id(std::size_t i) { return node(i).ask({"CLUSTER", "MYID"}).text; }

void RedisClusterOfThree::begin_move(int slot, std::size_t from, std::size_t to) {
  const auto number = std::to_string(slot);
  node(to).ask({"CLUSTER", "SETSLOT", number, "IMPORTING", id(from)});
  node(from).ask({"CLUSTER", "SETSLOT", number, "MIGRATING", id(to)});
}

void RedisClusterOfThree::move_keys(const std::vector<std::string>& keys, std::size_t from,
                                    std::size_t to) {
  const auto port = std::to_string(node(to).address().tcp.port);
  for (const auto& key : keys) {
    const auto moved = node(from).ask({"MIGRATE", "127.0.0.1", port, key, "0", "5000"});
    if (moved.text != "OK") give_up("MIGRATE " + key + ": " + moved.text);
  }
}

void RedisClusterOfThree::end_move(int slot, std::size_t to) {
  const auto name = id(to);
  node(to).ask({"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", name});
  for (std::size_t i = 0; i < 3; ++i)
    node(i).ask({"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", name});
}

/// What is to be cut next. Shared with the proxy's thread.
struct CuttingProxy::Plan {
  std::mutex mutex;
  std::string text;
  Cut where = Cut::before_request;
  std::size_t bytes = 0;
};

struct CuttingProxy::Pair {
  Fd client;
  Fd server;
  std::string said;  // the end of what the client said, to find a text across two pieces
  bool cut = false;  // when the answer comes
  Cut where = Cut::before_request;
  std::size_t bytes = 0;
};

CuttingProxy::CuttingProxy(Address server, const std::filesystem::path& folder)
    : server_(std::move(server)),
      path_(folder / "proxy.sock"),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      plan_(std::make_unique<Plan>()) {
  auto listening = listen_on(UnixAddress{path_});
  if (!listening) give_up(listening.error().message());
  listener_ = std::move(*listening);
  thread_ = std::thread([this] { run(); });
}

CuttingProxy::~CuttingProxy() {
  const std::uint64_t one = 1;
  if (::write(wake_.get(), &one, sizeof one) == sizeof one) thread_.join();
  listener_.remove();
}

RedisAddress CuttingProxy::address() const {
  RedisAddress out;
  out.unix_socket = path_;
  return out;
}

void CuttingProxy::cut_at(std::string text, Cut where, std::size_t bytes) {
  const std::lock_guard lock(plan_->mutex);
  cuts_ = 0;
  plan_->text = std::move(text);
  plan_->where = where;
  plan_->bytes = bytes;
}

void CuttingProxy::run() {
  std::vector<Pair> pairs;
  for (;;) {
    std::vector<pollfd> waiting{{.fd = wake_.get(), .events = POLLIN, .revents = 0},
                                {.fd = listener_.fd.get(), .events = POLLIN, .revents = 0}};
    for (const auto& pair : pairs) {
      waiting.push_back({.fd = pair.client.get(), .events = POLLIN, .revents = 0});
      waiting.push_back({.fd = pair.server.get(), .events = POLLIN, .revents = 0});
    }
    ::poll(waiting.data(), waiting.size(), -1);
    if (waiting[0].revents != 0) return;
    const auto before = pairs.size();
    std::vector<bool> over(before);
    for (std::size_t i = 0; i < before; ++i) {
      if (waiting[2 + 2 * i].revents != 0 && !hand_on(pairs[i], true)) over[i] = true;
      if (!over[i] && waiting[3 + 2 * i].revents != 0 && !hand_on(pairs[i], false)) over[i] = true;
    }
    for (std::size_t i = before; i-- > 0;)
      if (over[i]) pairs.erase(pairs.begin() + static_cast<std::ptrdiff_t>(i));
    if (waiting[1].revents == 0) continue;
    Fd client(::accept4(listener_.fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) continue;
    ++connections_;
    if (refusing_) continue;
    auto upstream = connect_to(server_, Clock::now() + 5s);
    if (!upstream) continue;
    pairs.push_back({.client = std::move(client), .server = std::move(*upstream)});
  }
}

/// False: the connection is over.
bool CuttingProxy::hand_on(Pair& pair, bool from_client) {
  char buffer[64 << 10];
  auto& from = from_client ? pair.client : pair.server;
  auto& to = from_client ? pair.server : pair.client;
  const auto got = ::recv(from.get(), buffer, sizeof buffer, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (got <= 0) return false;
  std::string_view bytes(buffer, static_cast<std::size_t>(got));
  if (from_client && !pair.cut) {
    const std::lock_guard lock(plan_->mutex);
    pair.said.append(bytes);
    if (!plan_->text.empty() && pair.said.contains(plan_->text)) {
      plan_->text.clear();
      pair.where = plan_->where;
      pair.bytes = plan_->bytes;
      pair.cut = true;
      if (pair.where == Cut::before_request) {
        ++cuts_;
        return false;
      }
    }
    if (pair.said.size() > 256) pair.said.erase(0, pair.said.size() - 256);
  }
  if (!from_client && pair.cut) {
    if (pair.where == Cut::in_reply) send_all(to.get(), bytes.substr(0, pair.bytes));
    ++cuts_;
    return false;
  }
  return send_all(to.get(), bytes);
}

}  // namespace reeve::net::testing
