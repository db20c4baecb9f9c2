/**
 * Owns the peer for accepting: the cluster module's own round-robin over the workers that the argument asks for, each
 * of which serves as the hand-written peer does.
 * Must not know: frames.
 */
import cluster from 'node:cluster'
import net from 'node:net'
import process from 'node:process'
import { serve } from '../plain-node/serve.mjs'

if (cluster.isPrimary) {
  const workers = Number(process.argv[2] ?? 2)
  let listening = 0
  cluster.schedulingPolicy = cluster.SCHED_RR
  cluster.on('listening', (_, { port }) => {
    listening++
    if (listening === workers) process.stdout.write(`listening ${port}\n`)
  })
  for (let n = 0; n < workers; n++) cluster.fork()
} else {
  net.createServer(serve).listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
}
