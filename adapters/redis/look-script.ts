/** The script that reads: records, pages and sizes of lanes, and the server's time, all that was asked in one moment. */

export const LOOK = `#!lua flags=no-writes
-- KEYS: 1 the namespace (hash), 2 its records (hash), 3... the lanes of the call.
-- ARGV: 1 the namespace's id, 2... questions:
--         r <ids> id...                    records
--         k lane from until limit          the lowest keys of a span      K lane until from limit   the highest, downwards
--         c lane                           size of a lane                 C lane from until         of a part of it
--         t                                time: seconds, microseconds, and how far the namespace's clock is from it (ms)
-- Reply: 'RESET' where the namespace is not the caller's, else the answers in order.
local call = redis.call
if call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 'RESET' end
local answers, at = {}, 2

local ask = {}

function ask.r()
  local first, last = at + 2, at + 1 + ARGV[at + 1]
  at = last + 1
  return call('HMGET', KEYS[2], unpack(ARGV, first, last))
end

function ask.k()
  at = at + 5
  return call('ZRANGEBYLEX', KEYS[ARGV[at - 4] + 0], ARGV[at - 3], ARGV[at - 2], 'LIMIT', 0, ARGV[at - 1])
end

function ask.K()
  at = at + 5
  return call('ZREVRANGEBYLEX', KEYS[ARGV[at - 4] + 0], ARGV[at - 3], ARGV[at - 2], 'LIMIT', 0, ARGV[at - 1])
end

function ask.c()
  at = at + 2
  return call('ZCARD', KEYS[ARGV[at - 1] + 0])
end

function ask.C()
  at = at + 4
  return call('ZLEXCOUNT', KEYS[ARGV[at - 3] + 0], ARGV[at - 2], ARGV[at - 1])
end

function ask.t()
  at = at + 1
  local time = call('TIME')
  return { time[1], time[2], call('HGET', KEYS[1], 'shift') or '0' }
end

while at <= #ARGV do answers[#answers + 1] = ask[ARGV[at]]() end
return answers
`
