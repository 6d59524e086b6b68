-- ARGV: log, bytes, whether all must be left ("1"), then positions. Answers how many were looked at, then positions and
-- events of those that are there.
local log, bytes, all = arg(), num(), arg()
local here, oldest = look()
if here ~= log then return redis.error_reply('LOST another log is here') end
local out, size, looked = {}, 0, 0
for i = at + 1, #ARGV do
  if size > bytes then break end
  local position, event = ARGV[i], nil
  local entry = call('XRANGE', LOG, position .. '-0', position .. '-0')[1]
  if entry then
    event = entry[2][2]
  elseif tonumber(position) >= oldest then
    local pruned = call('ZRANGEBYSCORE', PRUNED, position, position)[1]
    if not pruned then return redis.error_reply('LOST event ' .. position .. ' is not in the log') end
    event = string.match(pruned, '\n(.*)$')
  elseif all == '1' then
    return redis.error_reply('EXPIRED ' .. int(oldest))
  end
  if event then
    out[#out + 1] = position
    out[#out + 1] = event
    size = size + #event
  end
  looked = looked + 1
end
return { looked, out }
