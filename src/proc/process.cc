#include "proc/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>

#include <cerrno>
#include <charconv>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "base/limits.h"

namespace reeve::proc {
namespace {

/// The whole of a file of /proc, up to `limit` bytes. Such files have no size to ask for.
Result<std::string> read_proc(const std::string& path, std::size_t limit) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail(os_error(errno, path));
  std::string text;
  while (text.size() < limit) {
    constexpr std::size_t kChunk = 4096;
    const auto had = text.size();
    text.resize(had + kChunk);
    const auto got = ::read(fd.get(), text.data() + had, kChunk);
    text.resize(had + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(os_error(errno, path));
    if (got == 0) break;
  }
  return text;
}

// Debian 12's <sys/pidfd.h> forgets extern "C".
int pidfd_open(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }
int pidfd_send_signal(int pidfd, int signal) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

std::string_view next_word(std::string_view& text) {
  const auto begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin);
  const auto end = std::min(text.find_first_of(" \n"), text.size());
  const auto word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

template <class T>
bool next_number(std::string_view& text, T& out) {
  const auto word = next_word(text);
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
  return error == std::errc() && end == word.data() + word.size() && !word.empty();
}

}  // namespace

Result<ProcessStat> parse_stat(std::string_view text) {
  // "PID (name) S PPID PGRP SESSION ...": the name may hold anything, also ") R 1".
  const auto bad = [] { return fail(Errc::corrupt, "not a /proc/PID/stat"); };
  ProcessStat stat;
  if (!next_number(text, stat.ref.pid)) return bad();
  const auto after_name = text.rfind(')');
  if (after_name == std::string_view::npos) return bad();
  text.remove_prefix(after_name + 1);
  const auto state = next_word(text);
  if (state.size() != 1) return bad();
  stat.state = state.front();
  if (!next_number(text, stat.parent) || !next_number(text, stat.group) ||
      !next_number(text, stat.session)) {
    return bad();
  }
  constexpr int kBetweenSessionAndStart = 15;  // fields 7 to 21
  for (int i = 0; i < kBetweenSessionAndStart; ++i) next_word(text);
  if (!next_number(text, stat.ref.start)) return bad();
  return stat;
}

Result<ProcessStat> read_process(pid_t pid) {
  constexpr std::size_t kLimit = 4096;
  const auto text = read_proc("/proc/" + std::to_string(pid) + "/stat", kLimit);
  // ESRCH comes when the process ends between open and read.
  if (!text) return fail(Errc::not_found, "no process " + std::to_string(pid));
  return parse_stat(*text);
}

std::vector<ProcessStat> all_processes() {
  std::vector<ProcessStat> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir("/proc"), &::closedir);
  if (!dir) return found;
  while (const auto* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    if (auto stat = read_process(pid)) found.push_back(*stat);
  }
  return found;
}

std::vector<ProcessStat> descendants(pid_t root, const std::vector<ProcessStat>& among) {
  std::unordered_multimap<pid_t, const ProcessStat*> children;
  for (const auto& process : among) children.emplace(process.parent, &process);
  std::vector<ProcessStat> found;
  std::unordered_set<pid_t> seen{root};
  std::vector<pid_t> open{root};
  while (!open.empty()) {
    const auto [begin, end] = children.equal_range(open.back());
    open.pop_back();
    for (auto child = begin; child != end; ++child) {
      const auto pid = static_cast<pid_t>(child->second->ref.pid);
      // A scan is no snapshot: numbers that were used again could close a circle.
      if (!seen.insert(pid).second) continue;
      found.push_back(*child->second);
      open.push_back(pid);
    }
  }
  return found;
}

ProcessRef self() {
  const auto stat = read_process(::getpid());
  return stat ? stat->ref : ProcessRef{.pid = ::getpid()};
}

std::string boot_id() {
  constexpr std::size_t kLimit = 64;
  auto text = read_proc("/proc/sys/kernel/random/boot_id", kLimit);
  if (!text) return "";
  while (text->ends_with('\n')) text->pop_back();
  return *text;
}

bool is_alive(const ProcessRef& process) {
  const auto stat = read_process(static_cast<pid_t>(process.pid));
  return stat && stat->ref == process && !stat->is_zombie();
}

Result<Fd> open_process(const ProcessRef& process) {
  const auto gone = [&] {
    return fail(Errc::not_found, "process " + std::to_string(process.pid) + " has ended");
  };
  if (process.pid <= 0) return gone();
  Fd fd(pidfd_open(static_cast<pid_t>(process.pid)));
  if (!fd && errno == ESRCH) return gone();
  if (!fd) return fail(os_error(errno, "pidfd_open"));
  // Only now is the number held fast: what it names is what the descriptor names.
  const auto stat = read_process(static_cast<pid_t>(process.pid));
  if (!stat || stat->ref != process) return gone();
  return fd;
}

bool signal_process(const ProcessRef& process, int signal) {
  const auto fd = open_process(process);
  return fd && pidfd_send_signal(fd->get(), signal) == 0;
}

bool carries(pid_t pid, std::string_view entry) {
  const auto text =
      read_proc("/proc/" + std::to_string(pid) + "/environ", limits::kProcessEnvironment);
  if (!text || entry.empty()) return false;
  for (auto at = text->find(entry); at != std::string::npos; at = text->find(entry, at + 1)) {
    const auto end = at + entry.size();
    const bool begins = at == 0 || (*text)[at - 1] == '\0';
    if (begins && (end == text->size() || (*text)[end] == '\0')) return true;
  }
  return false;
}

}  // namespace reeve::proc
