/** Asks: `ask.ts 3 '*' 4` or `ask.ts factors 360`; the port is in PORT, 7400 unless set. */
import { connect } from '@shardwire/client'

const [first = '6', op = '*', second = '7'] = process.argv.slice(2)
const CALCULATE = 1
const FACTORS = 2

await using connection = await connect({ host: '127.0.0.1', port: Number(process.env['PORT'] ?? 7400) })
const answer =
  first === 'factors'
    ? connection.requestMsgpack(FACTORS, { n: Number(op) }, { timeoutMs: 60_000 })
    : connection.requestMsgpack(CALCULATE, { a: Number(first), op, b: Number(second) })
console.log(await answer.catch((error: Error) => error.message))
