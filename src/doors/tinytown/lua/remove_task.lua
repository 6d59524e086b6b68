if redis.call('HEXISTS', KEYS[1], 'reeve_owner') == 0 then return redis.call('DEL', KEYS[1]) end
return 0
