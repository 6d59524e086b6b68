-- ARGV: of enter(); name, holder, its epoch.
local town, refused = enter()
if not town then return refused end
local name, holder, held_at = arg(), arg(), arg()
local held, ends, by = unpack_lease(call('HGET', P .. 'leases', name))
if held == held_at and by == holder then
  call('HSET', P .. 'leases', name, held .. ' ' .. int(ends) .. ' ')
end
return 1
