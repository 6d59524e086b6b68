-- KEYS: an agent's hash. ARGV: our log, the state that was seen there, what is noted of it.
local f = redis.call('HMGET', KEYS[1], 'reeve_owner', 'state')
if f[1] ~= ARGV[1] or f[2] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'reeve_saw', ARGV[3])
return 1
