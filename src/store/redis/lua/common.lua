-- What every script begins with. KEYS[1] is the town's prefix, "reeve:{NAME}:": all keys of a town are in one slot.
-- A script reads what it will write to before its first write, so that a key of a wrong type is told while nothing
-- has happened (Redis does not roll back). The layout: docs/formats/redis.md
local P = KEYS[1]
local call = redis.call
local at = 0
local META, STATE, LOG, PRUNED = P .. 'meta', P .. 'state', P .. 'log', P .. 'pruned'

-- The state is "LOG EPOCH", which is the session, and head, oldest, bytes, rank, order, snap, entries and pruned:
-- eight bytes each.
local NUMBERS, SIZE = '>I8I8I8I8I8I8I8I8', 64
-- The town, for a script whose first arguments are the caller's session and the time (ms, "": Redis' own); else nil and
-- an error: LOST, it is gone or was changed behind its back; FENCED, a later session writes. Who holds a town lets go
-- of it when another has taken it, never because of the time alone.
local function enter()
  local session = ARGV[1]
  at = 2
  local state = call('GET', STATE)
  if not state then return nil, redis.error_reply('LOST the town is gone') end
  local length = #session
  if #state ~= length + SIZE or string.sub(state, 1, length) ~= session then
    local log = string.match(state, '^%S+')
    if log ~= string.match(session, '^%S+') then return nil, redis.error_reply('LOST another log is here: ' .. log) end
    return nil, redis.error_reply('FENCED ' .. (call('HGET', META, 'who') or '?'))
  end
  local town = { session = session }
  town.head, town.oldest, town.bytes, town.rank, town.order, town.snap, town.entries, town.pruned =
    struct.unpack(NUMBERS, state, length + 1)
  return town
end
local function leave(town)
  call('SET', STATE, town.session .. struct.pack(NUMBERS, town.head, town.oldest, town.bytes, town.rank, town.order,
                                                 town.snap, town.entries, town.pruned))
end
