/** Owns the tests of pages of connections: nothing is left out, whatever ends while they are put together. */
import { FakeClock } from '@shardwire/testkit'
import { pino } from 'pino'
import { expect, it } from 'vitest'
import { connectionRoutes } from '../../src/admin/connection-routes.ts'
import { type AskedWorker, Inquiries } from '../../src/admin/inquiries.ts'
import { Inspector, type InspectorParts } from '../../src/admin/inspect/inspector.ts'
import { STATE_CLOSED } from '../../src/worker/connection.ts'
import { connect, type FakeConnection } from '../worker/fake-transport.ts'

interface Page {
  readonly connections: readonly { readonly id: string }[]
  readonly next: string | null
}

/** One worker, whose connections are gone over in several slices. @param between called once between two of them */
function scene(connections: readonly FakeConnection[], between: () => void) {
  let nowMs = 0
  let isFirst = true
  const later = (task: () => void): void => {
    if (isFirst) between()
    isFirst = false
    queueMicrotask(task)
  }
  const parts = { connections: new Set(connections), slot: 0, epoch: 'test', nowMs: () => nowMs++, later }
  const inspector = new Inspector(parts as unknown as InspectorParts)
  const worker: AskedWorker = {
    ...{ slot: 0, epoch: 'test', ready: true },
    tell: ({ id, inquiry }) => void inspector.find(inquiry).then((finding) => inquiries.found(worker, id, finding)),
  }
  const inquiries = new Inquiries(new FakeClock(), () => [worker])
  const routes = connectionRoutes({ inquiries, log: pino({ level: 'silent' }), remembered: () => [] })
  return async (query: string): Promise<Page> => {
    const [route] = routes
    const request = { method: 'GET', parameters: {}, peer: '-', onGone: () => undefined }
    const reply = await route?.handle({ ...request, query: new URLSearchParams(query) })
    if (reply === undefined || !('body' in reply)) throw new Error('no page')
    return JSON.parse(String(reply.body)) as Page
  }
}

it('a connection that ends while a page is put together is not in it, and does not end the pages', async () => {
  const connections = Array.from({ length: 200 }, () => connect())
  const [, , third] = connections
  if (third === undefined) throw new Error('there is no third')
  const ask = scene(connections, () => (third.state = STATE_CLOSED))
  const seen: string[] = []
  let page = await ask('limit=10')
  expect(page.connections).toHaveLength(9)
  seen.push(...page.connections.map(({ id }) => id))
  while (page.next !== null) {
    page = await ask(`limit=10&after=${page.next}`)
    seen.push(...page.connections.map(({ id }) => id))
  }
  const others = connections.filter((one) => one !== third).map(({ id }) => id)
  expect(seen).toEqual(others)
})
