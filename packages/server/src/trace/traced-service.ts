/**
 * Owns the spans of requests: each handler runs within one, from its frame to its answer.
 * Must not know: OpenTelemetry, connections, frames.
 * Invariant: a service that is not traced never comes here. What is sync stays sync, and what a handler returns or
 * throws is what comes out; a span ends once, also where the handler never does.
 */
import { ShardwireError } from '@shardwire/protocol'
import type { RunnableRoute, RunnableService } from '../service/compile.ts'
import type { Run } from '../service/middleware.ts'
import { isPromise } from '../service/promise.ts'
import type { ServedRequest } from '../service/request.ts'
import { endFailed, endWith } from './end-with.ts'
import type { Span, Tracer } from './tracer.ts'

/** The same service, its routes within spans. @param worker its slot */
export function traceService(service: RunnableService, tracer: Tracer, worker: number): RunnableService {
  const routes = service.routes.map((route) => ({ ...route, run: traced(route, service.name, tracer, worker) }))
  return { ...service, routes }
}

function traced({ name, run }: RunnableRoute, service: string, tracer: Tracer, worker: number): Run<ServedRequest> {
  const own = { 'rpc.system.name': 'shardwire', 'rpc.method': `${service}/${name}`, 'shardwire.worker': worker }
  return (request) => {
    const span = tracer.begin({
      name: `${service}/${name}`,
      kind: request.wantsAnswer ? 'server' : 'consumer',
      parent: request.metadata?.traceparent,
      attributes: () => ({ ...own, ...attributesOf(request) }),
    })
    request.useTrace(span.traceparent)
    let result: unknown
    try {
      result = span.within(() => run(request))
    } catch (error) {
      endFailed(span, error)
      throw error
    }
    if (!isPromise(result)) span.end()
    else follow(span, request, Promise.resolve(result))
    return result
  }
}

/** Where its caller has been answered, or is gone, the handler may go on for ever: its span does not. */
function follow(span: Span, { signal }: ServedRequest, promise: Promise<unknown>): void {
  const onAbort = (): void => {
    const reason: unknown = signal.reason
    if (reason instanceof ShardwireError) return endFailed(span, reason)
    span.fail('ABANDONED', false)
    span.end()
  }
  signal.addEventListener('abort', onAbort, { once: true })
  endWith(span, promise)
}

function attributesOf({ connection }: ServedRequest): Record<string, string | number> {
  const { id, remoteAddress, remotePort } = connection
  return {
    'shardwire.connection': id,
    ...(remoteAddress !== undefined && { 'client.address': remoteAddress }),
    ...(remotePort !== undefined && { 'client.port': remotePort }),
  }
}
