-- ARGV: of enter(); from, upto, how many bytes go, changed documents (kind, id, body), events (event, size).
-- Answers {1, first, last}, or {0, oldest, head} where it does not fit the log.
local town, refused = enter()
if not town then return refused end
local from, upto = num(), num()
if from + 1 ~= town.oldest or upto <= from or upto > town.head then
  return { 0, town.oldest, town.head }
end
local SNAP, RANKS, INDEX = P .. 'snap', P .. 'snap:r', P .. 'ix'
call('HLEN', SNAP)
call('ZCARD', RANKS)
call('ZCARD', PRUNED)
-- Segments of nothing that is left. Those that are too many for this time stay for the next; nobody looks into them.
local over = call('ZRANGEBYSCORE', INDEX, '-inf', int(upto), 'LIMIT', 0, 1000)
-- The entry that the new mark is in the middle of.
local cut = upto < town.head and entry_at(upto + 1)
local size = num()
for _, after in ipairs(over) do
  call('UNLINK', INDEX .. ':' .. after)
  call('ZREM', INDEX, after)
end
town.pruned = town.pruned - call('ZREMRANGEBYSCORE', PRUNED, '-inf', int(upto))
town.entries = town.entries - call('XTRIM', LOG, 'MINID', int(upto + 1) .. '-0')
if cut and cut.first <= upto then
  local events = events_of(cut)
  put_apart(town, cut, { unpack(events, upto - cut.first + 2) })
end
town.bytes = town.bytes - size
town.oldest = upto + 1
for _ = 1, num() do
  local kind, id, body = arg(), arg(), arg()
  local name = #kind .. ':' .. kind .. id
  local before = call('HGET', SNAP, name)
  local rank = before and string.match(before, '^%d+')
  if not rank then
    town.snap = town.snap + 1
    rank = int(town.snap)
    call('ZADD', RANKS, rank, name)
  end
  call('HSET', SNAP, name, rank .. '\n' .. body)
end
local first = town.head + 1
for _ = 1, num() do append(town, arg(), num()) end
leave(town)
return { 1, first, town.head }
