-- ARGV: log, bytes, whether all must be left ("1"), then positions. Answers how many were looked at, then positions, headers and payloads
-- of those that are there; of a pruned event the payload is "".
local log, bytes, all = arg(), num(), arg()
local m = call('HMGET', META, 'log', 'oldest')
if m[1] ~= log then return redis.error_reply('LOST another log is here') end
local out, size, looked, oldest = {}, 0, 0, tonumber(m[2])
for i = at + 1, #ARGV do
  if size > bytes then break end
  local position = ARGV[i]
  local entry = call('XRANGE', LOG, position .. '-0', position .. '-0')[1]
  local header, payload
  if entry then
    header, payload = entry[2][2], entry[2][4]
  elseif tonumber(position) >= oldest then
    local pruned = call('ZRANGEBYSCORE', PRUNED, position, position)[1]
    if not pruned then return redis.error_reply('LOST event ' .. position .. ' is not in the log') end
    header, payload = string.match(pruned, '\n(.*)$'), ''
  elseif all == '1' then
    return redis.error_reply('EXPIRED ' .. m[2])
  end
  if header then
    out[#out + 1] = position
    out[#out + 1] = header
    out[#out + 1] = payload
    size = size + #header + #payload
  end
  looked = looked + 1
end
return { looked, out }
