-- Behind look.lua. ARGV, from the fifth: "all" or "changed", then ids.
local all = ARGV[5] == 'all'
for i = 6, #ARGV do
  local key = prefix .. 'task:' .. ARGV[i]
  local there, f = kind(key), {}
  if there == 'hash' then
    f = redis.call('HMGET', key, 'reeve_owner', 'reeve_wrote', 'state', 'assigned_to', 'result')
    for n = 1, 5 do f[n] = f[n] or '' end
  end
  if there == 'none' then
    out[#out + 1] = { ARGV[i], '', '', '', '', '' }
  elseif there == 'hash' and (all or f[1] == '' or f[2] ~= f[3] .. '|' .. f[4]) then
    out[#out + 1] = { ARGV[i], 'there', f[1], f[2], f[3], f[4], f[5] }
  end
end
return out
