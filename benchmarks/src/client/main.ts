/**
 * Owns one measurement of a client in a process of its own: so many connections, each with so many requests in flight.
 * Must not know: what it is compared with, how results are summed up.
 * Invariant: every answer is compared with what was sent.
 *
 *     main.ts shardwire|createClient|naive PORT CONNECTIONS DEPTH BODY_BYTES WARM_UP_SECONDS SECONDS
 */
import process from 'node:process'
import { NaiveClient } from './naive-client.ts'

/** As much of a client as is measured. */
interface Requester {
  request(route: number, body: Uint8Array): Promise<Uint8Array>
  close(): Promise<void>
}

const ECHO = 1
const MS_PER_S = 1000
const US_PER_S = 1_000_000

const [name, ...numbers] = process.argv.slice(2)
const [port = 0, connections = 0, depth = 0, bodyBytes = 0, warmUpSeconds = 0, seconds = 0] = numbers.map(Number)

/** Who is asked on each connection: of a client with a pool, the same for all. */
async function requesters(): Promise<Requester[]> {
  const each = Array.from({ length: connections })
  if (name === 'naive') return await Promise.all(each.map(() => NaiveClient.connect(port)))
  const { connect, createClient } = await import('@shardwire/client')
  if (name === 'shardwire') return await Promise.all(each.map(() => connect({ host: '127.0.0.1', port })))
  const client = createClient({
    addresses: [`127.0.0.1:${port}`],
    pool: { min: connections, max: connections },
  })
  await client.connect()
  return each.map(() => client)
}

let [answers, isOver] = [0, false]

async function askOn(client: Requester, body: Uint8Array): Promise<void> {
  while (!isOver) {
    const answer = await client.request(ECHO, body)
    if (answer.length !== body.length || answer[0] !== body[0] || answer.at(-1) !== body.at(-1)) {
      throw new Error('an answer is not what was sent')
    }
    answers++
  }
}

async function pass(forSeconds: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  setTimeout(resolve, forSeconds * MS_PER_S)
  await promise
}

const clients = await requesters()
const loops = clients.flatMap((client, number) =>
  Array.from({ length: depth }, async (_, lane) => {
    await askOn(client, new Uint8Array(bodyBytes).fill(number * depth + lane))
  }),
)
await pass(warmUpSeconds)
answers = 0
const [startedAtMs, before] = [performance.now(), process.cpuUsage()]
await pass(seconds)
const elapsed = (performance.now() - startedAtMs) / MS_PER_S
const { user, system } = process.cpuUsage(before)
const counted = answers
isOver = true
await Promise.all(loops)
await Promise.all(clients.map(async (client) => await client.close()))
process.stdout.write(
  `${JSON.stringify({ answers: counted, seconds: elapsed, cpuSeconds: (user + system) / US_PER_S })}\n`,
)
