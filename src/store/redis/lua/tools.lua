-- What every script but the commits' has, too.
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
-- For scripts that read: the log's id and its oldest position; nil: there is no town.
local function look()
  local state = call('GET', STATE)
  if not state then return nil end
  local head, oldest = struct.unpack('>I8I8', state, #state - 47)
  return string.match(state, '^%S+'), oldest, head
end
-- An event as its entry in the log, or as it is left when it was pruned: "HEADER" or "HEADER\nPAYLOAD".
local function append(town, event, size)
  town.head = town.head + 1
  town.bytes = town.bytes + size
  call('XADD', LOG, int(town.head) .. '-0', 'e', event)
end
