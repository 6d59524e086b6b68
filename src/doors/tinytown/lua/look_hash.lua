-- Behind look.lua. ARGV, from the fifth: a key.
if kind(ARGV[5]) == 'hash' then
  for _, text in ipairs(redis.call('HGETALL', ARGV[5])) do out[#out + 1] = text end
end
return out
