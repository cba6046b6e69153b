/** The scripts that open a namespace and a slot in it, and that set its clock right. */

/**
 * The version of how a namespace is laid out. It is raised by what an older release would misread.
 */
export const FORMAT = '1'

/** Taken at full memory, too: a consumer that starts anew is what drains it. */
export const OPEN = `#!lua flags=allow-oom
-- KEYS: 1 the namespace (hash), 2 a sorted set for the rehearsal, which leaves nothing in it, 3... receipts of slots that are to
--       be opened, of new names.
-- ARGV: 1 the namespace's id where it is known, else '', 2 the id it takes where there is none yet, 3 the format, 4 how long a
--       receipt is kept (ms).
-- Reply: { id, format } of the namespace, or 'RESET' where it is not the one that is known.
local call = redis.call
local id = call('HGET', KEYS[1], 'id')
if ARGV[1] ~= '' and id ~= ARGV[1] then return 'RESET' end

-- Who may not do all that the other scripts do is told so here, where it harms nothing, and not in the middle of a commit.
local META, LANE = KEYS[1], KEYS[2]
call('ZADD', LANE, 0, 'x')
call('ZSCORE', LANE, 'x')
call('ZMSCORE', LANE, 'x')
call('ZCARD', LANE)
call('ZRANGE', LANE, 0, 0)
call('ZRANGEBYLEX', LANE, '-', '+')
call('ZREVRANGEBYLEX', LANE, '+', '-')
call('ZLEXCOUNT', LANE, '-', '+')
call('ZREM', LANE, 'x')
call('HMGET', META, 'id')
call('HDEL', META, 'rehearsal')
call('TIME')
call('PUBLISH', META, '')

if not id then
  id = ARGV[2]
  call('HSET', KEYS[1], 'id', id, 'format', ARGV[3])
end
local format = call('HGET', KEYS[1], 'format')
if format == ARGV[3] then
  for slot = 3, #KEYS do
    call('SET', KEYS[slot], '0000000000000000', 'PX', ARGV[4], 'NX')
    call('GET', KEYS[slot])
    call('GETRANGE', KEYS[slot], 0, 15)
    call('PEXPIRE', KEYS[slot], ARGV[4])
  end
end
return { id, format }
`

export const SHIFT = `#!lua flags=allow-oom
-- KEYS: 1 the namespace (hash).
-- ARGV: 1 the namespace's id, 2 the shift of its clock as it was seen, 3 the shift it gets (ms).
-- Reply: 1 where it was set, 0 where another was faster, 'RESET' where the namespace is not the caller's.
local call = redis.call
if call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 'RESET' end
if (call('HGET', KEYS[1], 'shift') or '0') ~= ARGV[2] then return 0 end
call('HSET', KEYS[1], 'shift', ARGV[3])
return 1
`
