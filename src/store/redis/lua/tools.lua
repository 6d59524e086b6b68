-- What every script but the commits' has, too.
local META, PRUNED = P .. 'meta', P .. 'pruned'
local at = 0
-- The town, or nil and an error, as state_of().
local function enter()
  at = 2
  local state, refused = state_of(ARGV[1])
  if not state then return nil, refused end
  return town_of(ARGV[1], state)
end
local function arg() at = at + 1; return ARGV[at] end
local function num() at = at + 1; return tonumber(ARGV[at]) end
local function int(n) return string.format('%d', n) end
local function now_ms(given)
  if given ~= '' then return tonumber(given) end
  local time = call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
-- "EPOCH UNTIL HOLDER"
local function unpack_lease(packed)
  local epoch, ends, holder = string.match(packed or '', '^(%d+) (-?%d+) (.*)$')
  return epoch, tonumber(ends), holder
end
-- For scripts that read: the log's id, its oldest position and its head; nil: there is no town.
local function look()
  local state = call('GET', STATE)
  if not state or #state < SIZE then return nil end
  local head, _, _, _, _, oldest = struct.unpack(NUMBERS, state, #state - SIZE + 1)
  return string.match(state, '^%S+'), oldest, head
end
local function lost_behind(position, head)
  return redis.error_reply('LOST it has lost ' .. int(position - head) ..
                           ' acknowledged events: the log ends at position ' .. int(head))
end
-- What every script of a town that is open for reading begins with. ARGV: the log, and a position that was acknowledged
-- there. Answers the log's oldest position and its head, or nil and an error: LOST.
local function visit()
  local log, position = arg(), num()
  local here, oldest, head = look()
  if not here then return nil, redis.error_reply('LOST the town is gone') end
  if here ~= log then return nil, redis.error_reply('LOST another log is here: ' .. here) end
  if head < position then return nil, lost_behind(position, head) end
  return oldest, head
end

-- The log is entries of one event or some that follow one another: "LENGTH\nEVENT" for each, where an event is
-- "HEADER\nPAYLOAD", or "HEADER" when it was pruned. An entry's id is "LAST-COUNT". It is in the stream as long as
-- nothing of it is gone, else in PRUNED, as "ID\nENTRY", by its last position.
local function as_entry(id, text, member)
  local last, count = string.match(id, '^(%d+)-(%d+)$')
  return { id = id, text = text, member = member, last = tonumber(last), first = last - count + 1 }
end
-- Entries that end at a position or behind it, some at a time: of the stream, and of PRUNED.
local function stream_entries(from, limit)
  local out = call('XRANGE', LOG, int(from) .. '-0', '+', 'COUNT', limit)
  for i, found in ipairs(out) do out[i] = as_entry(found[1], found[2][2]) end
  return out
end
local function pruned_entries(from, limit)
  local out = call('ZRANGEBYSCORE', PRUNED, int(from), '+inf', 'LIMIT', 0, limit)
  for i, member in ipairs(out) do
    local id, text = string.match(member, '^(%S+)\n(.*)$')
    out[i] = as_entry(id, text, member)
  end
  return out
end
-- The entry that a position is in; nil: it is in none.
local function entry_at(position)
  local entry = stream_entries(position, 1)[1]
  if entry and entry.first <= position then return entry end
  entry = pruned_entries(position, 1)[1]
  if entry and entry.first <= position then return entry end
end
local function events_of(entry)
  local out, from, text = {}, 1, entry.text
  while from <= #text do
    local length, begin = string.match(text, '^(%d+)\n()', from)
    from = begin + length
    out[#out + 1] = string.sub(text, begin, from - 1)
  end
  return out
end
local function text_of(events)
  local out = {}
  for i, event in ipairs(events) do out[i] = #event .. '\n' .. event end
  return table.concat(out)
end
-- An entry that the last of its events are left of, or whose events are not as they were. ZCARD PRUNED comes first.
local function put_apart(town, entry, events)
  if entry.member then
    call('ZREM', PRUNED, entry.member)
  else
    call('XDEL', LOG, entry.id)
    town.entries = town.entries - 1
    town.pruned = town.pruned + 1
  end
  call('ZADD', PRUNED, int(entry.last), int(entry.last) .. '-' .. #events .. '\n' .. text_of(events))
end
local function append(town, event, size)
  town.head = town.head + 1
  town.bytes = town.bytes + size
  call('XADD', LOG, int(town.head) .. '-1', 'e', text_of({ event }))
  town.entries = town.entries + 1
end
