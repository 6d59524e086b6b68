-- ARGV: of enter(); a position that was acknowledged; whether the session ends ("1"), the time of keys and how long they are kept (ms). The hold on the
-- town begins anew, or is given back; idempotency keys that are too old go. Answers how many went: at 1,000 there may
-- be more.
local town, refused = enter()
if not town then return refused end
local position, over, time, ttl = num(), arg(), num(), num()
if town.head < position then return lost_behind(position, town.head) end
if over == '1' then
  call('HSET', META, 'holder', '', 'until', '0')
  return 0
end
call('HSET', META, 'until', int(now_ms(ARGV[2]) + tonumber(call('HGET', META, 'ttl'))))
local forgotten = call('ZRANGEBYSCORE', P .. 'keys:t', '-inf', int(time - ttl), 'LIMIT', 0, 1000)
if #forgotten > 0 then
  call('HDEL', P .. 'keys', unpack(forgotten))
  call('ZREM', P .. 'keys:t', unpack(forgotten))
end
return #forgotten
