#include "store/sqlite/faulty_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

namespace reeve::store::sqlite {
namespace {

/// A write, or a change of size, that is not on the disk yet.
struct Change {
  bool resize = false;
  std::uint64_t offset = 0;  // or the new size
  std::string bytes;
};

/// A file as its readers see it, and what the disk lacks of that.
struct Volatile {
  std::string content;
  std::vector<Change> unsynced;
  sqlite3_file* base = nullptr;  // some open handle of it, to write through
};

}  // namespace

struct FaultyVfs::State {
  sqlite3_vfs vfs{};
  sqlite3_vfs* base = nullptr;
  std::string name;
  std::mutex mutex;
  std::mt19937 random;
  std::map<std::string, Volatile> files;
  std::uint64_t until_cut = 0;  // 0: never
  bool off = false;
  bool full = false;
  bool fail_wal_sync = false;
  std::uint64_t syncs = 0;

  /// Counts an operation; false: there is no power.
  bool powered() {
    if (off) return false;
    if (until_cut == 0 || --until_cut > 0) return true;
    off = true;
    for (auto& [path, file] : files) survive(file);
    return false;
  }

  void survive(Volatile& file) {
    if (file.base == nullptr) return;
    for (auto& change : file.unsynced) {
      const auto fate = random() % 3;
      if (fate == 0) continue;
      if (fate == 1 && !change.resize) change.bytes.resize(random() % (change.bytes.size() + 1));
      apply(file, change);
    }
    file.unsynced.clear();
  }

  static int apply(const Volatile& file, const Change& change) {
    const auto* io = file.base->pMethods;
    if (change.resize) return io->xTruncate(file.base, static_cast<sqlite3_int64>(change.offset));
    return io->xWrite(file.base, change.bytes.data(), static_cast<int>(change.bytes.size()),
                      static_cast<sqlite3_int64>(change.offset));
  }
};

namespace {

using State = FaultyVfs::State;

/// SQLite allocates it with room for the base file behind.
struct File {
  sqlite3_file head;
  State* state;
  Volatile* content;  // nothing: a temporary file, passed through
  bool is_wal;
  sqlite3_file* base() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
File& file_of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
sqlite3_file* base_of(sqlite3_file* file) { return file_of(file).base(); }

int close(sqlite3_file* file) {
  auto& self = file_of(file);
  const std::scoped_lock guard(self.state->mutex);
  if (self.content != nullptr && self.content->base == self.base()) self.content->base = nullptr;
  return self.base()->pMethods->xClose(self.base());
}

/// Any handle may be the one to write through; a closed one is replaced at the next use.
void adopt(File& self) {
  if (self.content->base == nullptr) self.content->base = self.base();
}

int read(sqlite3_file* file, void* out, int amount, sqlite3_int64 offset) {
  auto& self = file_of(file);
  const std::scoped_lock guard(self.state->mutex);
  if (self.state->off) return SQLITE_IOERR_READ;
  const auto& content = self.content->content;
  const auto want = static_cast<std::size_t>(amount);
  const auto from = std::min(static_cast<std::size_t>(offset), content.size());
  const auto got = std::min(want, content.size() - from);
  std::memcpy(out, content.data() + from, got);
  if (got == want) return SQLITE_OK;
  std::memset(static_cast<char*>(out) + got, 0, want - got);
  return SQLITE_IOERR_SHORT_READ;
}

int write(sqlite3_file* file, const void* bytes, int amount, sqlite3_int64 offset) {
  auto& self = file_of(file);
  const std::scoped_lock guard(self.state->mutex);
  adopt(self);
  if (!self.state->powered()) return SQLITE_IOERR_WRITE;
  if (self.state->full) return SQLITE_FULL;
  Change change{
      .offset = static_cast<std::uint64_t>(offset),
      .bytes = std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(amount))};
  auto& content = self.content->content;
  if (content.size() < change.offset + change.bytes.size())
    content.resize(change.offset + change.bytes.size());
  content.replace(change.offset, change.bytes.size(), change.bytes);
  self.content->unsynced.push_back(std::move(change));
  return SQLITE_OK;
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  auto& self = file_of(file);
  const std::scoped_lock guard(self.state->mutex);
  adopt(self);
  if (!self.state->powered()) return SQLITE_IOERR_TRUNCATE;
  self.content->content.resize(static_cast<std::size_t>(size));
  self.content->unsynced.push_back(
      Change{.resize = true, .offset = static_cast<std::uint64_t>(size), .bytes = {}});
  return SQLITE_OK;
}

int sync(sqlite3_file* file, int) {
  auto& self = file_of(file);
  const std::scoped_lock guard(self.state->mutex);
  adopt(self);
  if (!self.state->powered()) return SQLITE_IOERR_FSYNC;
  ++self.state->syncs;
  if (self.is_wal && std::exchange(self.state->fail_wal_sync, false)) {
    self.content->unsynced.clear();
    return SQLITE_IOERR_FSYNC;
  }
  for (const auto& change : self.content->unsynced) {
    if (State::apply(*self.content, change) != SQLITE_OK) return SQLITE_IOERR_FSYNC;
  }
  self.content->unsynced.clear();
  return SQLITE_OK;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  auto& self = file_of(file);
  const std::scoped_lock guard(self.state->mutex);
  *size = static_cast<sqlite3_int64>(self.content->content.size());
  return SQLITE_OK;
}

int lock(sqlite3_file* f, int how) { return base_of(f)->pMethods->xLock(base_of(f), how); }
int unlock(sqlite3_file* f, int how) { return base_of(f)->pMethods->xUnlock(base_of(f), how); }
int check_reserved(sqlite3_file* f, int* out) {
  return base_of(f)->pMethods->xCheckReservedLock(base_of(f), out);
}
int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return 4096; }
int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }
int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
  return base_of(f)->pMethods->xShmMap(base_of(f), page, size, extend, out);
}
int shm_lock(sqlite3_file* f, int offset, int n, int flags) {
  return base_of(f)->pMethods->xShmLock(base_of(f), offset, n, flags);
}
void shm_barrier(sqlite3_file* f) { base_of(f)->pMethods->xShmBarrier(base_of(f)); }
int shm_unmap(sqlite3_file* f, int remove) {
  return base_of(f)->pMethods->xShmUnmap(base_of(f), remove);
}

constexpr sqlite3_io_methods kMethods{2,
                                      close,
                                      read,
                                      write,
                                      truncate,
                                      sync,
                                      file_size,
                                      lock,
                                      unlock,
                                      check_reserved,
                                      control,
                                      sector_size,
                                      characteristics,
                                      shm_map,
                                      shm_lock,
                                      shm_barrier,
                                      shm_unmap,
                                      nullptr,
                                      nullptr};

State& state_of(sqlite3_vfs* vfs) { return *static_cast<State*>(vfs->pAppData); }

std::string load(sqlite3_file* base) {
  sqlite3_int64 size = 0;
  base->pMethods->xFileSize(base, &size);
  std::string content(static_cast<std::size_t>(size), '\0');
  if (size > 0) base->pMethods->xRead(base, content.data(), static_cast<int>(size), 0);
  return content;
}

int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  auto& state = state_of(vfs);
  auto& self = file_of(file);
  self.head.pMethods = nullptr;
  const std::scoped_lock guard(state.mutex);
  if (state.off) return SQLITE_CANTOPEN;
  // The shared index of a read-only connection is written to all the same.
  const int code = state.base->xOpen(state.base, path, self.base(), flags, out_flags);
  if (code != SQLITE_OK) return code;
  self.state = &state;
  self.is_wal = (flags & SQLITE_OPEN_WAL) != 0;
  auto [known, fresh] = state.files.try_emplace(path == nullptr ? "" : path);
  self.content = &known->second;
  const bool read_only = (flags & SQLITE_OPEN_READONLY) != 0;
  if (fresh) self.content->content = load(self.base());
  if (self.content->base == nullptr && !read_only) self.content->base = self.base();
  self.head.pMethods = &kMethods;
  return SQLITE_OK;
}

int remove(sqlite3_vfs* vfs, const char* path, int sync_folder) {
  auto& state = state_of(vfs);
  const std::scoped_lock guard(state.mutex);
  if (state.off) return SQLITE_IOERR_DELETE;
  state.files.erase(path);
  return state.base->xDelete(state.base, path, sync_folder);
}

int access(sqlite3_vfs* vfs, const char* path, int flags, int* out) {
  auto& state = state_of(vfs);
  return state.base->xAccess(state.base, path, flags, out);
}

}  // namespace

FaultyVfs::FaultyVfs(std::string name, std::uint32_t seed) : state_(std::make_unique<State>()) {
  state_->base = sqlite3_vfs_find(nullptr);
  state_->vfs = *state_->base;
  state_->name = std::move(name);
  state_->random.seed(seed);
  state_->vfs.pNext = nullptr;
  state_->vfs.zName = state_->name.c_str();
  state_->vfs.pAppData = state_.get();
  state_->vfs.szOsFile = static_cast<int>(sizeof(File)) + state_->base->szOsFile;
  state_->vfs.xOpen = &open;
  state_->vfs.xDelete = &remove;
  state_->vfs.xAccess = &access;
  sqlite3_vfs_register(&state_->vfs, 0);
}

FaultyVfs::~FaultyVfs() { sqlite3_vfs_unregister(&state_->vfs); }

const std::string& FaultyVfs::name() const { return state_->name; }

void FaultyVfs::cut_after(std::uint64_t operations) {
  const std::scoped_lock guard(state_->mutex);
  state_->until_cut = operations;
}

bool FaultyVfs::is_off() const {
  const std::scoped_lock guard(state_->mutex);
  return state_->off;
}

void FaultyVfs::power_on() {
  const std::scoped_lock guard(state_->mutex);
  state_->files.clear();
  state_->off = false;
  state_->until_cut = 0;
}

void FaultyVfs::fail_next_wal_sync() {
  const std::scoped_lock guard(state_->mutex);
  state_->fail_wal_sync = true;
}

void FaultyVfs::set_full(bool full) {
  const std::scoped_lock guard(state_->mutex);
  state_->full = full;
}

std::uint64_t FaultyVfs::syncs() const {
  const std::scoped_lock guard(state_->mutex);
  return state_->syncs;
}

}  // namespace reeve::store::sqlite
