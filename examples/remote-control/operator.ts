/** Asks for something: `operator.ts devices`, `operator.ts front-door unlock`; the port is in PORT, 7400 unless set. */
import { connect } from '@shardwire/client'

const [device = 'devices', what = 'state'] = process.argv.slice(2)
const DEVICES = 1
const COMMAND = 2

await using connection = await connect({
  host: '127.0.0.1',
  port: Number(process.env['PORT'] ?? 7400),
  hello: { token: `operator:${process.env['OPERATOR_SECRET'] ?? 'sesame'}` },
})
const answer =
  device === 'devices'
    ? connection.requestMsgpack(DEVICES, null)
    : connection.requestMsgpack(COMMAND, { device, do: what })
console.log(await answer.catch((error: Error) => error.message))
