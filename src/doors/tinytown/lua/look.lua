-- What each look begins with. KEYS: the place and the mark; ARGV: our log, tinytown's prefix, the nonce and the position
-- that we know as written, then what is asked. A Redis that was put back to an older state says nothing of tt.
local place = redis.call('HMGET', KEYS[1], 'log', 'nonce', 'position')
if place[1] ~= ARGV[1] or not place[3] or place[3] == '-' or redis.call('GET', KEYS[2]) ~= place[2] then
  return { 'emptied' }
end
if place[2] ~= ARGV[3] or tonumber(place[3]) < tonumber(ARGV[4]) then return { 'older' } end
local prefix, out = ARGV[2], { 'seen' }
local function kind(key) return redis.call('TYPE', key).ok end
