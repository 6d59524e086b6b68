-- What each look begins with. KEYS: the place and the mark; ARGV: our log, tinytown's prefix, then what is asked.
local place = redis.call('HMGET', KEYS[1], 'log', 'nonce', 'position')
if place[1] ~= ARGV[1] or place[3] == '-' or redis.call('GET', KEYS[2]) ~= place[2] then
  return { 'emptied' }
end
local prefix, out = ARGV[2], { 'seen' }
local function kind(key) return redis.call('TYPE', key).ok end
