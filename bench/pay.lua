-- For wrk: every request is a payment, by a random person out of a file, under a key of its own.
-- Arguments: the file (a line a person: session, what they pay from, user), who is paid ("-": somebody
-- else out of the file), the Product-ID, the PIN, how the keys of this run begin, and a file of pools (a
-- line each): where there are any, it is paid into one of those, or into the one that is named.

local payers, pools, target, key, count = {}, {}, nil, nil, 0

function init(arguments)
  local product, pin = arguments[3], arguments[4]
  for line in io.lines(arguments[1]) do
    local session, source, user = line:match("(%S+) (%S+) (%S+)")
    payers[#payers + 1] = {
      user = user,
      head = " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port
        .. "\r\nContent-Type: application/json\r\nProduct-ID: " .. product
        .. "\r\nAuthorization: Bearer " .. session .. "\r\nCorrelation-ID: ",
      tail = ',"funding_source_id":"' .. source .. '","pin":"' .. pin .. '"}',
    }
  end
  for pool in io.lines(arguments[6]) do
    pools[#pools + 1] = pool
  end
  target = arguments[2] ~= "-" and arguments[2] or nil
  key = arguments[5]
  -- The keys differ from run to run, and so do the people who meet.
  math.randomseed(tonumber(key:sub(1, 8), 16))
end

local function to_somebody(payer, amount)
  local to = target
  while to == nil or to == payer.user do
    to = payers[math.random(#payers)].user
  end
  return "/v1/payments",
    '{"currency":"EUR","description":"Lunch","recipient":{' .. amount .. ',"user_id":"' .. to .. '"}'
end

local function into_a_pool(amount)
  local pool = target or pools[math.random(#pools)]
  return "/v1/pools/" .. pool .. "/participants", "{" .. amount
end

function request()
  local payer = payers[math.random(#payers)]
  local amount = string.format('"amount":%d.%02d', math.random(1, 20), math.random(0, 99))
  local path, body
  if #pools > 0 then
    path, body = into_a_pool(amount)
  else
    path, body = to_somebody(payer, amount)
  end
  body = body .. payer.tail
  count = count + 1
  return "POST " .. path .. payer.head .. key .. string.format("%012x", count)
    .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "failures": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
