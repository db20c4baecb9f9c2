/** A chat room: clients say who they are, what one says is pushed to all. One worker: each has a room of its own. */
import { clientRoute, type Connection, defineService, rateLimit, route, typed } from '@shardwire/server'
import { ShardwireError } from '@shardwire/server'
import { z } from 'zod'

declare module '@shardwire/server' {
  interface Attributes {
    /** Who a chatter is, by the token of HELLO. */
    chatter?: string
  }
}

interface Said {
  /** Undefined where the room itself speaks. */
  readonly who?: string
  readonly text: string
}

/** What clients are pushed. */
const said = clientRoute(10, { body: typed<Said>() })
const room = new Map<string, Connection>()

/** To everybody who keeps up; for one who does not, the conversation has moved on. */
function tell(message: Said): void {
  for (const member of room.values()) if (member.isWritable) member.send(said, message)
}

export default defineService({
  name: 'chat',
  routes: {
    say: route(
      1,
      { body: z.string().trim().min(1).max(500), middleware: [rateLimit({ perSecond: 5, burst: 10 })] },
      ({ body, connection }) => tell({ who: connection.attributes.chatter ?? '?', text: body }),
    ),
    members: route(2, { body: 'none' }, () => [...room.keys()]),
  },

  authenticate({ token }) {
    if (token === undefined || !/^\w{1,20}$/.test(token)) return false
    if (room.has(token)) throw new ShardwireError('UNAUTHENTICATED', `there is a ${token} already`)
    return { chatter: token }
  },

  onConnect(connection) {
    const { chatter = '?' } = connection.attributes
    room.set(chatter, connection)
    tell({ text: `${chatter} is here` })
  },

  onDisconnect({ attributes: { chatter = '?' } }) {
    room.delete(chatter)
    tell({ text: `${chatter} has left` })
  },
})
