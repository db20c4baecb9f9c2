/** A calculator: what is quick is answered at once, what takes its time in a thread, so that nobody waits for it. */
import { BAD_REQUEST, defineService, route, ShardwireError } from '@shardwire/server'
import { z } from 'zod'
import { factors } from './tasks.ts'

const Sum = z.object({ a: z.number(), op: z.enum(['+', '-', '*', '/']), b: z.number() })
const Whole = z.object({ n: z.int().min(1) })

function calculate({ a, op, b }: z.infer<typeof Sum>): number {
  switch (op) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '/':
      if (b === 0) throw new ShardwireError(BAD_REQUEST, 'nothing can be divided by 0')
      return a / b
  }
}

export default defineService({
  name: 'calculator',
  routes: {
    calculate: route(1, { body: Sum }, ({ body }) => calculate(body)),
    factors: route(2, { body: Whole, timeoutMs: 60_000, offload: factors }),
  },
})
