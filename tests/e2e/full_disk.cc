// A disk that is full when a test says so, without a file system of its own (which only root can
// mount): preloaded into a daemon, it lets every write below a folder fail with ENOSPC for as long
// as a file is there.
//
//   LD_PRELOAD=libreeve_full_disk.so REEVE_FULL_DISK=FOLDER REEVE_FULL_DISK_WHILE=FILE reeve ...

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

bool is_full(int fd) {
  const char* folder = std::getenv("REEVE_FULL_DISK");
  const char* sign = std::getenv("REEVE_FULL_DISK_WHILE");
  if (folder == nullptr || sign == nullptr || ::access(sign, F_OK) != 0) return false;
  std::array<char, 32> link{};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", fd);
  std::array<char, 4096> path{};
  const auto size = ::readlink(link.data(), path.data(), path.size());
  return size > 0 &&
         std::string_view(path.data(), static_cast<std::size_t>(size)).starts_with(folder);
}

ssize_t pwrite_unless_full(int fd, const void* data, std::size_t size, off_t at) {
  if (is_full(fd)) {
    errno = ENOSPC;
    return -1;
  }
  return ::syscall(SYS_pwrite64, fd, data, size, at);
}

}  // namespace

// In the place of the C library's. (To cut a file short needs no room.)
extern "C" {

ssize_t write(int fd, const void* data, std::size_t size) {
  if (is_full(fd)) {
    errno = ENOSPC;
    return -1;
  }
  return ::syscall(SYS_write, fd, data, size);
}

ssize_t pwrite(int fd, const void* data, std::size_t size, off_t at) {
  return pwrite_unless_full(fd, data, size, at);
}

ssize_t pwrite64(int fd, const void* data, std::size_t size, off_t at) {
  return pwrite_unless_full(fd, data, size, at);
}

}  // extern "C"
