/** A device that reports: `device.ts name [readings] [port]`. Waits where the server does not take them fast enough. */
import { connect } from '@shardwire/client'

const [device = 'device', readings = '100', port = '7400'] = process.argv.slice(2)
const REPORT = 1
const COUNTS = 2

await using connection = await connect({ host: '127.0.0.1', port: Number(port) })
for (let count = 0; count < Number(readings); count++) {
  const celsius = 20 + Math.round(100 * Math.sin(count / 10)) / 10
  const goesOn = connection.sendMsgpack(REPORT, { device, at: new Date(), celsius })
  if (!goesOn) await connection.drained()
}
// An answer says that all before it has been served.
await connection.request(COUNTS)
console.log(`${device}: ${readings} readings`)
