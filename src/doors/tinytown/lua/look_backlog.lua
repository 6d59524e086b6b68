-- Behind look.lua. ARGV, from the fifth: how many ids.
if kind(prefix .. 'backlog') == 'list' then
  for _, id in ipairs(redis.call('LRANGE', prefix .. 'backlog', 0, ARGV[5] - 1)) do out[#out + 1] = id end
end
return out
