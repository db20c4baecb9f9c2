/** What docs/services.md shows in pieces, as a service that works. */
import { connect } from '@shardwire/client'
import {
  authorize,
  clientRoute,
  type Connection,
  defineService,
  logging,
  type Middleware,
  rateLimit,
  type Request,
  route,
  typed,
} from '@shardwire/server'
import { z } from 'zod'

declare module '@shardwire/server' {
  interface Attributes {
    user?: string
  }
}

interface Point {
  readonly x: number
  readonly y: number
}

const Order = z.object({ item: z.string(), count: z.int().min(1).default(1) })

const order = route(1, { body: Order }, ({ body }) => `${body.count} x ${body.item}`)

const swap = route(2, { body: typed<Point>() }, ({ body }) => ({ x: body.y, y: body.x }))
const length = route(3, ({ body }: Request<Point>) => Math.hypot(body.x, body.y))

const slow: Middleware = async (request, next) => {
  const startedMs = performance.now()
  const answer = await next()
  const ms = performance.now() - startedMs
  if (ms > 100) request.log.warn({ ms }, 'slow')
  return answer
}

const membersOnly = authorize(({ connection }) => connection.attributes.user !== undefined)
const secret = route(4, { middleware: [membersOnly, rateLimit({ perSecond: 10 })] }, () => 'the cake is a lie')

const tick = clientRoute(40, { body: typed<{ count: number }>() })

const ticks = route(5, async ({ body, connection }) => {
  for (let count = 1; count <= Number(body); count++) {
    if (!connection.send(tick, { count })) await connection.drained()
  }
})

const room = new Set<Connection>()

const shout = route(6, { body: z.string() }, ({ body }) => {
  for (const member of room) if (member.isWritable) member.send(41, body)
})

const sensor = clientRoute(42, { body: typed<{ place: string }>(), answer: z.object({ celsius: z.number() }) })

const measure = route(7, async ({ connection, callOptions }) => {
  const { celsius } = await connection.request(sensor, { place: 'roof' }, callOptions)
  return celsius
})

const ask = route(8, async ({ body, callOptions }) => {
  await using stock = await connect({ host: '127.0.0.1', port: Number(body) })
  return await stock.requestMsgpack(1, 'apple', callOptions)
})

const users = new Map([['sesame', 'ali']])

export default defineService({
  name: 'tour',
  middleware: [logging({ level: 'debug' }), slow],
  routes: { order, swap, length, secret, ticks, shout, measure, ask },

  authenticate: async ({ token }) => {
    if (token === undefined) return true // may come in, as nobody
    const user = users.get(token)
    return user !== undefined && { user }
  },

  onConnect(connection) {
    room.add(connection)
  },

  onDisconnect(connection, { reason }) {
    room.delete(connection)
    connection.log.info({ reason }, 'left')
  },
})
