-- ARGV: the log that must be here ("": any), a log id and a generation for a town that is new, who holds the town
-- and what people are told of it ("": nobody, this is a reader), for how long (ms), now (ms, "": Redis' own clock), a
-- position, whether a new town may be made ("1").
-- Every call of a holder begins a session: calls of earlier ones that are still on their way are refused.
-- Answers format, log, generation, head, oldest, bytes, indexed, epoch, the header of the event at that position.
local must, log, generation, holder, who, ttl, now, position, make =
    arg(), arg(), arg(), arg(), arg(), arg(), arg(), arg(), arg()
if call('EXISTS', META) == 0 then
  if must ~= '' then return redis.error_reply('LOST the town is gone') end
  if call('EXISTS', LOG) == 1 then return redis.error_reply('LOST a log without its head') end
  if make ~= '1' then return redis.error_reply('ABSENT there is no town') end
  call('HSET', META, 'format', '1', 'log', log, 'generation', generation, 'head', '0', 'oldest', '1', 'bytes', '0',
       'rank', '0', 'order', '0', 'snap', '0', 'indexed', '0', 'epoch', '0', 'holder', '', 'who', '', 'until', '0',
       'ttl', ttl)
end
local m = call('HMGET', META, 'format', 'log', 'generation', 'head', 'oldest', 'bytes', 'indexed', 'epoch',
               'holder', 'who', 'until', 'copying')
if m[1] ~= '1' then return redis.error_reply('FORMAT ' .. tostring(m[1])) end
if m[12] then return redis.error_reply('COPYING a town comes here') end
if must ~= '' and m[2] ~= must then return redis.error_reply('LOST another log is here: ' .. m[2]) end
if call('XLEN', LOG) + call('ZCARD', PRUNED) ~= tonumber(m[4]) - tonumber(m[5]) + 1 then
  return redis.error_reply('LOST the log is not as long as it should be')
end
local epoch = m[8]
if holder ~= '' then
  now = now_ms(now)
  if m[9] ~= '' and m[9] ~= holder and tonumber(m[11]) > now then
    return redis.error_reply('HELD ' .. int(tonumber(m[11]) - now) .. ' ' .. m[10])
  end
  epoch = int(call('HINCRBY', META, 'epoch', 1))
  call('HSET', META, 'holder', holder, 'who', who, 'until', int(now + tonumber(ttl)), 'ttl', ttl)
end
local header = ''
if position ~= '0' then
  local entry = call('XRANGE', LOG, position .. '-0', position .. '-0')[1]
  if entry then
    header = entry[2][2]
  else
    local pruned = call('ZRANGEBYSCORE', PRUNED, position, position)[1]
    if pruned then header = string.match(pruned, '\n(.*)$') end
  end
end
return { m[1], m[2], m[3], m[4], m[5], m[6], m[7], epoch, header }
