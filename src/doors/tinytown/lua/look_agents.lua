-- Behind look.lua and ours.lua. ARGV, from the fifth: how many items of others are read of a list; of each agent its id and how many
-- items its lists are to have (a list as long as that is not read).
local most = tonumber(ARGV[5])
local function list(key, expected)
  local there = kind(key)
  if there == 'none' then return '0', {} end
  if there ~= 'list' then return tostring(math.max(expected, 0)), {} end
  if redis.call('LLEN', key) == expected then return tostring(expected), {} end
  local mine, others = 0, {}
  for _, item in ipairs(redis.call('LRANGE', key, 0, 9999)) do
    if our_message(item) then
      mine = mine + 1
    elseif #others < most then
      others[#others + 1] = item
    end
  end
  return tostring(mine), others
end
for i = 6, #ARGV, 3 do
  local id = ARGV[i]
  local hash = prefix .. 'agent:' .. id
  local there, f = kind(hash), {}
  if there == 'hash' then
    f = redis.call('HMGET', hash, 'reeve_owner', 'reeve_wrote', 'state', 'last_heartbeat')
  end
  local stop = ''
  if kind(prefix .. 'stop:' .. id) == 'string' then
    stop = redis.call('GET', prefix .. 'stop:' .. id)
  end
  local inbox, others = list(prefix .. 'inbox:' .. id, tonumber(ARGV[i + 1]))
  local urgent, urgent_others = list(prefix .. 'urgent:' .. id, tonumber(ARGV[i + 2]))
  out[#out + 1] = { there, f[1] or '', f[2] or '', f[3] or '', f[4] or '', stop, inbox, urgent,
    others, urgent_others }
end
return out
