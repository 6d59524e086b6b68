-- What every script begins with. KEYS[1] is the town's prefix, "reeve:{NAME}:": all keys of a town are in one slot.
-- (In a cluster KEYS[2] is the state: server.h says why.)
-- A script reads what it will write to before its first write, so that a key of a wrong type is told while nothing
-- has happened (Redis does not roll back). The layout: docs/formats/redis.md
local P = KEYS[1]
local call = redis.call
local STATE, LOG = P .. 'state', P .. 'log'

-- The state is "LOG EPOCH", which is the session, and eight bytes each: head, bytes and entries, which every commit
-- changes, and what others may: rank, order, oldest, snap and pruned.
local NUMBERS, SIZE = '>I8I8I8I8I8I8I8I8', 64
-- The state, for a script whose first arguments are the caller's session and (but for commits) the time (ms, "": Redis'
-- own); else nil and an error: LOST, it is gone or was changed behind its back; FENCED, a later session writes. Who holds a town lets go
-- of it when another has taken it, never because of the time alone.
local function state_of(session)
  local state = call('GET', STATE)
  if not state then return nil, redis.error_reply('LOST the town is gone') end
  if #state == #session + SIZE and string.sub(state, 1, #session) == session then return state end
  local log = string.match(state, '^%S+')
  if log ~= string.match(session, '^%S+') then return nil, redis.error_reply('LOST another log is here: ' .. log) end
  return nil, redis.error_reply('FENCED ' .. (call('HGET', P .. 'meta', 'who') or '?'))
end
local function town_of(session, state)
  local head, bytes, entries, rank, order, oldest, snap, pruned = struct.unpack(NUMBERS, state, #session + 1)
  return { session = session, head = head, bytes = bytes, entries = entries, rank = rank, order = order,
           oldest = oldest, snap = snap, pruned = pruned }
end
local function leave(town)
  call('SET', STATE, town.session .. struct.pack(NUMBERS, town.head, town.bytes, town.entries, town.rank, town.order,
                                                 town.oldest, town.snap, town.pruned))
end
