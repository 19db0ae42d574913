"""What Redis runs as one atomic step for a record of which more than one may be told."""

from __future__ import annotations

from rules.operations import RANKED


def _table(kind: str) -> str:
    """Ranks as a table of Lua."""
    return "{" + ", ".join(f"{status} = {rank}" for status, rank in RANKED[kind].items()) + "}"


# longer than any topic keeps its records, so that a rewind never shows an alert twice
KEEP_SECONDS = 30 * 24 * 3600
CANARY_SECONDS = 24 * 3600  # planted alerts are looked for within minutes
STREAM_LENGTH = 100_000  # whole alerts, of which the keys hold a second copy
INCIDENTS_LENGTH = 10_000

# KEYS: alert, stream, queue, count · ARGV: body, id, time, rule, response, status, keep, length,
# live. Returns 1 new, 2 a record of the same id that stands instead, 0 nothing to do.
# The stream tells news: an alert, or that one is taken back, and not that it is confirmed.
PUT_ALERT = (
    f"""
local rank = {_table("alerts")}
"""
    + """
local is, was = ARGV[6], nil
local old = redis.call('GET', KEYS[1])
if old then
  was = cjson.decode(old)['status']
  if (rank[was] or 3) >= (rank[is] or 3) then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[7])
local function count(by)
  redis.call('HINCRBY', KEYS[4], 'alerts', by)
  redis.call('HINCRBY', KEYS[4], 'rule:' .. ARGV[4], by)
  redis.call('HINCRBY', KEYS[4], 'response:' .. ARGV[5], by)
end
if is == 'retracted' then
  redis.call('HINCRBY', KEYS[4], 'retracted', 1)
  redis.call('ZREM', KEYS[3], ARGV[2])
  if old then count(-1) end
elseif not old or was == 'retracted' then
  redis.call('ZADD', KEYS[3], ARGV[3], ARGV[2])
  count(1)
  if old then redis.call('HINCRBY', KEYS[4], 'retracted', -1) end
end
if not (old and was == 'speculative' and is == 'final') then
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[8], '*', 'id', ARGV[2], 'body', ARGV[1])
end
redis.call('PUBLISH', ARGV[9], ARGV[1])
return old and 2 or 1
"""
)

# KEYS: the marks · ARGV: how many marks we know, then these (name, position), then the new ones.
# Returns 1; 0 where the server no longer has what we know, and then nothing is noted: in the midst
# of a batch it may have been wiped, or an old copy have taken over.
PUT_MARKS = """
local known = tonumber(ARGV[1])
for i = 2, 2 * known, 2 do
  local there = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '-1')
  if there < tonumber(ARGV[i + 1]) then return 0 end
end
for i = 2 + 2 * known, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
return 1
"""

# KEYS: incident, stream, open ones, all ids · ARGV: body, id, time, status, keep, length.
# Returns as above. A resolved incident stands, whichever of the two comes first.
PUT_INCIDENT = (
    f"""
local rank = {_table("incidents")}
"""
    + """
local is = ARGV[4]
local old = redis.call('GET', KEYS[1])
if old and (rank[cjson.decode(old)['status']] or 2) >= (rank[is] or 2) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[5])
if is == 'open' then
  redis.call('ZADD', KEYS[3], ARGV[3], ARGV[2])
else
  redis.call('ZREM', KEYS[3], ARGV[2])
end
redis.call('PFADD', KEYS[4], ARGV[2])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[6], '*', 'id', ARGV[2], 'body', ARGV[1])
return old and 2 or 1
"""
)
