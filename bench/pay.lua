-- For wrk: every request is a payment, by a random person out of a file, under a key of its own.
-- Arguments: the file (a line a person: session, what they pay from, user), who is paid ("-": somebody
-- else out of the file), the Product-ID, the PIN, and how the keys of this run begin.

local payers, recipient, key, count = {}, nil, nil, 0

function init(arguments)
  local product, pin = arguments[3], arguments[4]
  for line in io.lines(arguments[1]) do
    local session, source, user = line:match("(%S+) (%S+) (%S+)")
    payers[#payers + 1] = {
      user = user,
      head = "POST /v1/payments HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port
        .. "\r\nContent-Type: application/json\r\nProduct-ID: " .. product
        .. "\r\nAuthorization: Bearer " .. session .. "\r\nCorrelation-ID: ",
      tail = '"},"funding_source_id":"' .. source .. '","pin":"' .. pin .. '"}',
    }
  end
  recipient = arguments[2] ~= "-" and arguments[2] or nil
  key = arguments[5]
  -- The keys differ from run to run, and so do the people who meet.
  math.randomseed(tonumber(key:sub(1, 8), 16))
end

function request()
  local payer, to = payers[math.random(#payers)], recipient
  while to == nil or to == payer.user do
    to = payers[math.random(#payers)].user
  end
  count = count + 1
  local body = string.format(
    '{"currency":"EUR","description":"Lunch","recipient":{"amount":%d.%02d,"user_id":"%s%s',
    math.random(1, 20), math.random(0, 99), to, payer.tail)
  return payer.head .. key .. string.format("%012x", count)
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
