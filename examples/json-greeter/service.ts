/** A greeter for clients that speak JSON: `{"uid", "val"}` comes, `{"uid", "val", "ts"}` goes. */
import { defineService, route } from '@shardwire/server'
import { z } from 'zod'

const greeting = z.object({ uid: z.union([z.string(), z.number()]).optional(), val: z.string().min(1).max(200) })

export default defineService({
  name: 'greeter',
  routes: {
    // What greet returns is the whole answer; uid and ts are added by the listener.
    greet: route(1, { body: greeting }, ({ body }) => ({ val: `server: hello, ${body.val}` })),
    // Any other route gets `val`, and what it returns is the `val` of its answer.
    count: route(2, { body: z.array(z.unknown()) }, ({ body }) => ({ items: body.length })),
  },
})
