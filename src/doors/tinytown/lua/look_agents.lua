-- Behind look.lua and ours.lua. ARGV, from the fifth: how many items of others are read of a list, and how many bytes; of
-- each agent its id, and of its inbox and its urgent list how many of ours are known to be there, and at which length it
-- is not read (-1: not known, it is read).
local most, bytes_most = tonumber(ARGV[5]), tonumber(ARGV[6])
local kRead, kPage = 5000, 250
-- How many are ours, how many are not, and the first of these. Of a list that is longer than what is read of it, ours are
-- taken for as many as are known.
local function list(key, ours, length)
  ours, length = tonumber(ours), tonumber(length)
  local there = kind(key)
  if there == 'none' then return '0', '0', {} end
  if there ~= 'list' then return tostring(math.max(ours, 0)), '0', {} end
  local all = redis.call('LLEN', key)
  if all == length then return tostring(ours), tostring(all - ours), {} end
  local mine, others, bytes, at = 0, {}, 0, 0
  while at < all and at < kRead do
    for _, item in ipairs(redis.call('LRANGE', key, at, at + kPage - 1)) do
      if our_message(item) then
        mine = mine + 1
      elseif #others < most and bytes < bytes_most then
        others[#others + 1] = item
        bytes = bytes + #item
      end
    end
    at = at + kPage
  end
  if at < all then mine = math.max(mine, ours) end
  return tostring(mine), tostring(all - mine), others
end
for i = 7, #ARGV, 5 do
  local id = ARGV[i]
  local hash = prefix .. 'agent:' .. id
  local there, f = kind(hash), {}
  if there == 'hash' then
    f = redis.call('HMGET', hash, 'reeve_owner', 'reeve_wrote', 'state', 'last_heartbeat', 'reeve_saw')
  end
  local stop = ''
  if kind(prefix .. 'stop:' .. id) == 'string' then
    stop = redis.call('GET', prefix .. 'stop:' .. id)
  end
  local inbox, inbox_left, others = list(prefix .. 'inbox:' .. id, ARGV[i + 1], ARGV[i + 2])
  local urgent, urgent_left, urgent_others = list(prefix .. 'urgent:' .. id, ARGV[i + 3], ARGV[i + 4])
  out[#out + 1] = { there, f[1] or '', f[2] or '', f[3] or '', f[4] or '', f[5] or '', stop, inbox, urgent,
    inbox_left, urgent_left, others, urgent_others }
end
return out
