#pragma once

/// The version of this interface. Programs that were built against one go on working with every
/// library of the same version: its names stand in `reeve::vN`, which is what is linked.
#define REEVE_API_VERSION 1

// The library itself has names of its own in `reeve`: to it the public ones are `reeve::v1::...`.
#ifdef REEVE_BUILDING_LIBRARY
#define REEVE_INLINE
#else
#define REEVE_INLINE inline
#endif

#define REEVE_API __attribute__((visibility("default")))

namespace reeve::library {  // the inside, which has no public face
class Engine;
class Following;
class Watched;
struct Controlled;
struct StreamState;
struct ToolState;
}  // namespace reeve::library
