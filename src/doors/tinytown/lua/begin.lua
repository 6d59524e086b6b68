-- KEYS: the place and the mark. ARGV: the log and nonce that were seen there, ours, who writes.
local place = redis.call('HMGET', KEYS[1], 'log', 'nonce')
if (place[1] or '') ~= ARGV[1] or (place[2] or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'log', ARGV[3], 'nonce', ARGV[4], 'position', '-', 'by', ARGV[5],
  'seen', redis.call('TIME')[1])
redis.call('SET', KEYS[2], ARGV[4])
return 1
