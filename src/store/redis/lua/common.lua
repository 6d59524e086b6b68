-- What every script begins with. KEYS[1] is the town's prefix, "reeve:{NAME}:": all keys of a town are in one slot.
-- A script reads what it will write to before its first write, so that a key of a wrong type is told while nothing
-- has happened (Redis does not roll back). The layout: docs/formats/redis.md
local P = KEYS[1]
local call = redis.call
local at = 0
local function arg() at = at + 1; return ARGV[at] end
local function num() at = at + 1; return tonumber(ARGV[at]) end
local function int(n) return string.format('%.0f', n) end

local META, LOG, PRUNED = P .. 'meta', P .. 'log', P .. 'pruned'

local function now_ms(given)
  if given ~= '' then return tonumber(given) end
  local time = call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- The town as the caller's session knows it, or nil and an error: LOST, it is gone or was changed behind its back;
-- FENCED, a later session writes.
local function enter()
  local log, epoch, now = arg(), arg(), arg()
  local m = call('HMGET', META, 'log', 'epoch', 'head', 'oldest', 'bytes', 'rank', 'order', 'snap', 'until', 'ttl', 'who')
  if not m[1] then return nil, redis.error_reply('LOST the town is gone') end
  if m[1] ~= log then return nil, redis.error_reply('LOST another log is here: ' .. m[1]) end
  if m[2] ~= epoch then return nil, redis.error_reply('FENCED ' .. m[11]) end
  local town = { head = tonumber(m[3]), oldest = tonumber(m[4]), bytes = tonumber(m[5]), rank = tonumber(m[6]),
                 order = tonumber(m[7]), snap = tonumber(m[8]) }
  if call('XLEN', LOG) + call('ZCARD', PRUNED) ~= town.head - town.oldest + 1 then
    return nil, redis.error_reply('LOST the log is not as long as it should be')
  end
  -- Its lease has run out, but nobody has taken it since: it goes on.
  now = now_ms(now)
  if tonumber(m[9]) <= now then call('HSET', META, 'until', int(now + tonumber(m[10]))) end
  town.now = now
  return town
end
local function leave(town)
  call('HSET', META, 'head', int(town.head), 'oldest', int(town.oldest), 'bytes', int(town.bytes),
       'rank', int(town.rank), 'order', int(town.order), 'snap', int(town.snap))
end
local function append(town, header, payload, size)
  town.head = town.head + 1
  town.bytes = town.bytes + size
  call('XADD', LOG, int(town.head) .. '-0', 'h', header, 'p', payload)
end

local function list_key(kind, mark) return P .. 'list:' .. #kind .. ':' .. kind .. ':' .. mark end
-- "VERSION RANK LENGTH MARKS\nBODY" to version, rank, marks (one in each line)
local function unpack_doc(packed)
  local version, rank, length, from = string.match(packed, '^(%d+) (%d+) (%d+) ()')
  if not version then return nil end
  return tonumber(version), rank, string.sub(packed, from, from + tonumber(length) - 1)
end
local function each_mark(marks, f)
  for mark in string.gmatch(marks, '[^\n]+') do f(mark) end
end
-- "PRIORITY ORDER ATTEMPT NOT_BEFORE LEASE"
local function unpack_item(packed)
  local priority, order, attempt, not_before, lease =
      string.match(packed, '^(-?%d+) (%d+) (-?%d+) (-?%d+) (.*)$')
  return tonumber(priority), tonumber(order), attempt, tonumber(not_before), lease
end
-- Sorts by priority, the highest first, then by order.
local function place(priority, order, item)
  return string.format('%08x%08x%08x', 2147483647 - priority, math.floor(order / 4294967296), order % 4294967296) .. item
end
local function unpack_lease(packed)
  local epoch, ends, holder = string.match(packed or '', '^(%d+) (-?%d+) (.*)$')
  return epoch, tonumber(ends), holder
end
