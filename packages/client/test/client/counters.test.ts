/** What is counted as in flight is in flight, and nothing else, after any number of requests that end in any way. */
import { nextTurn, withSeed } from '@shardwire/testkit'
import { expect, it } from 'vitest'
import { ClientError, ShardwireError } from '../../src/index.ts'
import { leavesNothing, scene } from './fake-network.ts'

const REQUESTS = 100_000
const BATCH = 250
const ADDRESSES = ['a:1', 'b:1']

it('comes back to nothing after 100 000 requests with faults at random', async () => {
  await withSeed('counters', async (random) => {
    const all = await scene({
      addresses: ADDRESSES,
      pool: { min: 2, max: 4, requestsPerConnection: 16 },
      reconnect: { minMs: 1, maxMs: 10 },
      breaker: { openMs: 20, callsMin: 200 },
      retry: { attemptsMax: 3 },
      idempotentRoutes: [1],
      random: () => random.next(),
    })
    const { client, network } = all
    let [ended, answered] = [0, 0]
    const end = (): void => {
      ended++
    }
    const answer = (): void => {
      ended++
      answered++
    }
    network.serve = ({ connection, body, resolve, reject }) => {
      const fate = random.next()
      if (fate < 0.9) resolve(body)
      else if (fate < 0.93) reject(new ShardwireError(random.pick([9, 11, 12, 15]), 'no'))
      else if (fate < 0.95) reject(new ClientError('REQUEST_TIMEOUT', 'silence'))
      else if (fate < 0.952) queueMicrotask(() => connection.lose())
      else if (fate < 0.954) queueMicrotask(() => connection.sendGoaway({ retry: 'now', jitterMs: 0 }))
      // The others wait until the batch is over, or their connection.
    }
    for (let asked = 0; asked < REQUESTS; asked += BATCH) {
      const controller = new AbortController()
      for (let count = 0; count < BATCH; count++) {
        const signal = count % 50 === 0 ? controller.signal : undefined
        client.request(random.integer(1, 2), Uint8Array.of(count), { signal }).then(answer, end)
      }
      await nextTurn()
      const inFlight = client.status.addresses.map((address) => address.inFlight)
      const onConnections = client.status.addresses.map(({ connections }) =>
        sum(connections.map((one) => one.inFlight)),
      )
      // What ends with its connection is settled in a later step, and then no longer on it.
      for (const [at, count] of onConnections.entries()) expect(inFlight[at]).toBeGreaterThanOrEqual(count)
      controller.abort()
      for (const { resolve, body } of network.pending) resolve(body)
      await network.pass(50)
    }
    for (let turn = 0; turn < 200 && ended < REQUESTS; turn++) {
      for (const { resolve, body } of network.pending) resolve(body)
      await network.pass(50)
    }
    expect(ended).toBe(REQUESTS)
    expect(answered).toBeGreaterThan(REQUESTS / 2)
    const { addresses, waiting, requests } = client.status
    expect({ waiting, requests }).toEqual({ waiting: 0, requests: REQUESTS })
    expect(addresses.map(({ inFlight }) => inFlight)).toEqual([0, 0])
    expect(addresses.flatMap(({ connections }) => connections.filter((one) => one.inFlight > 0))).toEqual([])
    await leavesNothing(all)
  })
}, 120_000)

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
