/** A door that can be locked from afar: `device.ts name [port]`. Connects again when the connection is lost. */
import { createClient, msgpackHandler } from '@shardwire/client'

const [name = 'door', port = '7400'] = process.argv.slice(2)
const COMMAND = 20
let locked = true
let changes = 0

function obey(value: unknown): { locked: boolean; changes: number } {
  const { do: what } = value as { readonly do: 'lock' | 'unlock' | 'state' }
  if (what !== 'state') {
    locked = what === 'lock'
    changes++
  }
  return { locked, changes }
}

const client = createClient({
  addresses: [`127.0.0.1:${port}`],
  pool: { min: 1, max: 1 },
  reconnect: { giveUpAfterMs: Infinity },
  connect: {
    hello: { name: 'door', token: `device:${name}` },
    handlers: { [COMMAND]: msgpackHandler(obey) },
  },
})
await client.connect()
console.log(`${name} waits`)
