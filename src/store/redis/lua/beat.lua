-- ARGV: of enter(); whether the session ends ("1"). The lease of the town begins anew, or is given back.
local town, refused = enter()
if not town then return refused end
if arg() == '1' then
  call('HSET', META, 'holder', '', 'until', '0')
else
  call('HSET', META, 'until', int(town.now + tonumber(call('HGET', META, 'ttl'))))
end
return 1
