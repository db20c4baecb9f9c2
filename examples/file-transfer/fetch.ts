/** Fetches a file: `fetch.ts name into [port]`. The digest of what came is held against what the server says. */
import { createHash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { connect } from '@shardwire/client'

const [name = '', into = name, port = '7400'] = process.argv.slice(2)
const GET = 1
const CHUNK = 10

const file = openSync(into, 'w')
const hash = createHash('sha256')
await using connection = await connect({
  host: '127.0.0.1',
  port: Number(port),
  onMessage({ route, body }) {
    if (route !== CHUNK) return
    hash.update(body)
    writeSync(file, body)
  },
})
const answer = await connection.requestMsgpack(GET, name, { timeoutMs: 600_000 })
closeSync(file)
const { bytes, sha256 } = answer as { readonly bytes: number; readonly sha256: string }
if (hash.digest('hex') !== sha256) throw new Error(`${into} is not what was sent`)
console.log(`${into}: ${bytes} bytes, sha256 ${sha256}`)
