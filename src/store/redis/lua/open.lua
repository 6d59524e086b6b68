-- ARGV: the log that must be here ("": any), a log id and a generation for a town that is new, who holds the town
-- and what people are told of it ("": nobody, this is a reader), for how long (ms), now (ms, "": Redis' own clock), a
-- position, whether a new town may be made ("1").
-- Every call of a holder begins a session: calls of earlier ones that are still on their way are refused.
-- Answers log, generation, head, oldest, bytes, indexed, the session, and the event at that position.
local must, log, generation, holder, who, ttl, now, position, make =
    arg(), arg(), arg(), arg(), arg(), arg(), arg(), arg(), arg()
if call('EXISTS', META) == 0 then
  if must ~= '' then return redis.error_reply('LOST the town is gone') end
  if call('EXISTS', LOG) == 1 or call('EXISTS', STATE) == 1 then
    return redis.error_reply('LOST a log without its beginning')
  end
  if make ~= '1' then return redis.error_reply('ABSENT there is no town') end
  call('HSET', META, 'format', '1', 'generation', generation, 'indexed', '0', 'epoch', '0', 'holder', '', 'who', '',
       'until', '0', 'ttl', ttl)
  call('SET', STATE, log .. ' 0' .. struct.pack(NUMBERS, 0, 0, 0, 0, 0, 1, 0, 0))
end
local m = call('HMGET', META, 'format', 'generation', 'indexed', 'epoch', 'holder', 'who', 'until', 'copying')
if m[1] ~= '1' then return redis.error_reply('FORMAT ' .. tostring(m[1])) end
if m[8] then return redis.error_reply('COPYING a town comes here') end
local state = call('GET', STATE)
if not state or #state < SIZE then return redis.error_reply('LOST a town without its state') end
local here = string.match(state, '^%S+')
if must ~= '' and here ~= must then return redis.error_reply('LOST another log is here: ' .. here) end
local numbers = string.sub(state, -SIZE)
local head, bytes, entries, _, _, oldest, _, pruned = struct.unpack(NUMBERS, numbers)
if call('XLEN', LOG) ~= entries or call('ZCARD', PRUNED) ~= pruned then
  return redis.error_reply('LOST the log is not as long as it should be')
end
local session = here .. ' ' .. m[4]
if holder ~= '' then
  now = now_ms(now)
  if m[5] ~= '' and m[5] ~= holder and tonumber(m[7]) > now then
    return redis.error_reply('HELD ' .. int(tonumber(m[7]) - now) .. ' ' .. m[6])
  end
  session = here .. ' ' .. int(call('HINCRBY', META, 'epoch', 1))
  call('HSET', META, 'holder', holder, 'who', who, 'until', int(now + tonumber(ttl)), 'ttl', ttl)
  call('SET', STATE, session .. numbers)
end
local event = ''
local entry = position ~= '0' and entry_at(tonumber(position))
if entry then event = events_of(entry)[position - entry.first + 1] end
return { here, m[2], int(head), int(oldest), int(bytes), m[3], session, event }
