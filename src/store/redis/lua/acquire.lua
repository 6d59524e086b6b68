-- ARGV: of enter(); name, holder, for how long (ms). Answers {1 if it is the holder's now, epoch, until, holder}.
local town, refused = enter()
if not town then return refused end
local name, holder, ttl = arg(), arg(), num()
local now = now_ms(ARGV[2])
local held, ends, by = unpack_lease(call('HGET', P .. 'leases', name))
local mine = 1
if held then
  if by == holder then
    mine = tonumber(held)
  elseif by ~= '' and ends > now then
    return { 0, tonumber(held), ends, by }
  else
    mine = tonumber(held) + 1
  end
end
call('HSET', P .. 'leases', name, int(mine) .. ' ' .. int(now + ttl) .. ' ' .. holder)
return { 1, mine, now + ttl, holder }
