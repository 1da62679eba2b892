// A better-auth server as a deployment runs it: accounts with passwords,
// organisations, sessions by bearer token. Its accounts live in memory; what a
// test needs beyond the public interface it asks for under /test.
import { createServer } from 'node:http'
import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { toNodeHandler } from 'better-auth/node'
import { bearer, organization } from 'better-auth/plugins'

const db = { user: [], session: [], account: [], verification: [], organization: [], member: [], invitation: [] }
let handler
const server = createServer(async (req, res) => {
  if (!req.url.startsWith('/test/')) return handler(req, res)
  let body = ''
  for await (const part of req) body += part
  const { email, ...changed } = JSON.parse(body)
  Object.assign(db.user.find((u) => u.email === email), changed) // as its administrator does
  res.end('{}')
})
server.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`
  const auth = betterAuth({
    baseURL: url,
    secret: 'a secret of the test server, long enough for it',
    database: memoryAdapter(db),
    emailAndPassword: { enabled: true },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    plugins: [bearer(), organization()],
  })
  handler = toNodeHandler(auth)
  console.log(url)
})
process.stdin.on('end', () => process.exit(0)).resume() // the test is over
